-- The first posting of an account that was opened in bulk: what is put on it. Minor units; the id is the posting's.
-- Frozen: a later change is a later file.
create type ledger_opening as (
    account_id  uuid,
    id          uuid,
    paid        bigint,
    bonus       bigint,
    expires_on  date
);
