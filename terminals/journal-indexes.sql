-- What each offline purchase asks of all that waits, without reading the requests themselves; made on opening.
drop index if exists entry_pending;
create index if not exists entry_queue on entry (occurred_at, state, currency, amount) where body is not null;
create index if not exists entry_sold_offline on entry (occurred_at) where state = 'stand_in';
create index if not exists entry_granted on entry (type, grant_id, state, card_mark, approved)
    where grant_id is not null;
