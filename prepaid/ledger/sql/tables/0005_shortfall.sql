-- Value that a terminal gave away offline and the account did not have, and what was told of it. Frozen: a later
-- change is a later file.

-- What the account owes for that: a sum, so it stands on the locked row.
alter table ledger_account add column shortfall ledger_amount not null default 0;

-- One shortfall of an account: lent by a general account of the store, recovered by what comes in later.
create table ledger_shortfall (
    account_id       uuid not null,
    -- The transaction that lent it, which is the original's answer to the part that was not there.
    id               uuid not null,
    position         ledger_position not null,
    original_id      uuid not null,
    general_account  uuid not null,
    amount           ledger_amount_moved not null,
    recovered        ledger_amount not null default 0,
    primary key (account_id, id),
    constraint ledger_shortfall_recovered_within_amount check (recovered <= amount)
);
create index ledger_shortfall_open on ledger_shortfall (account_id, position) where recovered < amount;

-- What a terminal approved by itself, as it was told: recorded, never declined.
create table ledger_advice (
    id           uuid primary key,
    origin_id    uuid not null,
    store_id     uuid not null,
    account_id   uuid not null,
    type         text not null,
    amount       ledger_amount_moved not null,
    currency     ledger_currency not null,
    shortfall    ledger_amount not null,
    -- The grant under which it was approved, null where none held.
    grant_id     uuid,
    -- What a person has to look at, and the reason for which it would have been declined.
    findings     text[] not null,
    reason       text,
    -- What was presented: opaque here (a card); null where it did not prove itself.
    presented_id uuid,
    occurred_at  timestamptz not null,
    recorded_at  timestamptz not null,
    constraint ledger_advice_shortfall_within_amount check (shortfall <= amount),
    constraint ledger_advice_shortfall_is_a_finding check ((shortfall > 0) = ('shortfall' = any (findings)))
);
create index ledger_advice_grant on ledger_advice (origin_id, grant_id);
create index ledger_advice_found on ledger_advice (recorded_at) where findings <> '{}';

create function ledger_refuse_shortfall_change() returns trigger language plpgsql as $$
begin
    if (new.account_id, new.id, new.position, new.original_id, new.general_account, new.amount)
        = (old.account_id, old.id, old.position, old.original_id, old.general_account, old.amount)
        and new.recovered > old.recovered
    then
        return new;
    end if;
    raise exception 'a shortfall is recovered and never changed otherwise' using errcode = 'PC900';
end $$;

create trigger recovered_only before update on ledger_shortfall for each row execute function ledger_refuse_shortfall_change();
create trigger kept before delete on ledger_shortfall for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_shortfall for each statement execute function ledger_refuse_change();
create trigger append_only before update or delete on ledger_advice for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_advice for each statement execute function ledger_refuse_change();
