-- Counts of a credential as a domain, which PostgreSQL looks at where they are written, while a table's CHECK is read and
-- planned anew by every tap (ADR 0003). Frozen: a later change is a later file.
create domain cards_count as smallint constraint cards_count_not_negative check (value >= 0);
alter table cards_credential
    alter key_version type cards_count, alter pin_failures type cards_count, alter pin_tries_max type cards_count;
