-- A journal of version 1 becomes one of version 2: entries have two more states, a card's mark and a grant.
drop index entry_pending;
drop index entry_original;
alter table entry rename to entry_1;
alter table belonging rename to belonging_1;
