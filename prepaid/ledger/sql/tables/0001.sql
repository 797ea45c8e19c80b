-- The ledger's tables. Frozen: a later change is a later file. Every key starts with the account, so that the
-- tables can be distributed by it; the stored answers are keyed by the transaction's own id, which is all that a
-- repeat brings with it. No foreign key crosses accounts.

create type ledger_open_lot as (
    lot_no     integer,
    bonus      boolean,
    remaining  bigint,
    expires_on date
);

create function ledger_sum_of_lots(p_lots ledger_open_lot[]) returns bigint
language sql immutable parallel safe as
$$ select coalesce(sum(lot.remaining), 0)::bigint from unnest(p_lots) as lot $$;

-- Where value sits. The one row that a posting locks: everything that is a sum or a limit stands on it.
create table ledger_account (
    id              uuid primary key,
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    balance         bigint not null default 0,
    held            bigint not null default 0,
    -- The open lots in the order in which they are consumed.
    lots            ledger_open_lot[] not null default '{}',
    lot_count       integer not null default 0,
    -- Head of the chain: how many transactions, and the hash after the last one.
    position        bigint not null default 0,
    hash            bytea not null default '\x',
    -- The business date that the two day counters belong to.
    counted_on      date not null default '-infinity',
    loaded_today    bigint not null default 0,
    redeemed_today  bigint not null default 0,
    opened_at       timestamptz not null,
    constraint ledger_account_balance_not_negative check (balance >= 0),
    constraint ledger_account_held_within_balance check (held >= 0 and held <= balance),
    constraint ledger_account_counters_not_negative check (loaded_today >= 0 and redeemed_today >= 0),
    constraint ledger_account_lots_are_the_balance check (
        case cardinality(lots)
            when 0 then balance = 0
            when 1 then balance = (lots[1]).remaining
            else balance = ledger_sum_of_lots(lots)
        end)
) with (fillfactor = 60);

-- Merchant, till, expense and other accounts that have no balance row: derived from transfers.
create table ledger_general_account (
    id        uuid primary key,
    kind      text not null,
    owner_id  uuid not null,
    currency  text not null
);

-- One load's worth of value, as it was made; what is left of it stands in its account's open lots.
create table ledger_lot (
    account_id  uuid not null,
    lot_no      integer not null,
    position    bigint not null,
    bonus       boolean not null,
    amount      bigint not null check (amount > 0),
    expires_on  date,
    tender      text not null,
    reference   text not null default '',
    campaign    text not null default '',
    primary key (account_id, lot_no)
);

-- Value reserved. Resolved once, by a conditional update.
create table ledger_hold (
    account_id   uuid not null,
    id           uuid not null,
    amount       bigint not null check (amount > 0),
    expires_at   timestamptz not null,
    resolution   text check (resolution in ('captured', 'released', 'expired')),
    resolved_by  uuid,
    captured     bigint not null default 0 check (captured >= 0),
    primary key (account_id, id),
    constraint ledger_hold_resolved_whole check ((resolution is null) = (resolved_by is null)),
    constraint ledger_hold_captured_when_captured check ((captured > 0) = (resolution is not distinct from 'captured'))
);
create index ledger_hold_open on ledger_hold (expires_at) where resolution is null;

-- What happened to an account, in the order of its chain. Approved transactions only.
create table ledger_transaction (
    account_id     uuid not null,
    position       bigint not null check (position > 0),
    id             uuid not null,
    type           text not null,
    amount         bigint not null check (amount >= 0),
    balance_after  bigint not null check (balance_after >= 0),
    held_after     bigint not null check (held_after >= 0),
    original_id    uuid,
    -- For an undo: the type of what it undoes.
    undoes         text,
    origin_id      uuid not null,
    store_id       uuid not null,
    business_date  date not null,
    occurred_at    timestamptz not null,
    recorded_at    timestamptz not null,
    operator       text not null,
    xid            xid8 not null default pg_current_xact_id(),
    hash           bytea not null,
    primary key (account_id, position)
);
create unique index ledger_transaction_undone_once on ledger_transaction (account_id, original_id)
    where type in ('void', 'reversal');
create index ledger_transaction_original on ledger_transaction (account_id, original_id) where original_id is not null;

-- One amount from a debit account to a credit account; one of the two is the card holder's.
create table ledger_transfer (
    account_id      uuid not null,
    position        bigint not null,
    leg             smallint not null,
    lot_no          integer not null,
    debit_account   uuid not null,
    credit_account  uuid not null,
    amount          bigint not null check (amount > 0),
    primary key (account_id, position, leg),
    constraint ledger_transfer_two_accounts check (debit_account <> credit_account),
    constraint ledger_transfer_of_its_account check (account_id in (debit_account, credit_account))
);

-- The stored answer to a transaction's id, declines included. A row without a digest is a tombstone: a reversal
-- came before its original, which is completed here when it arrives.
create table ledger_answer (
    id               uuid primary key,
    digest           bytea,
    origin_id        uuid not null,
    sequence         bigint,
    type             text,
    outcome          text not null check (outcome in ('approved', 'declined')),
    reason           text,
    requested_amount bigint,
    approved_amount  bigint not null default 0,
    currency         text,
    balance          bigint,
    available        bigint,
    account_id       uuid,
    position         bigint,
    -- What was presented: opaque here (a card).
    presented_id     uuid,
    original_id      uuid,
    operator         text not null default '',
    note             text not null default '',
    recorded_at      timestamptz not null,
    hash             bytea,
    constraint ledger_answer_reason_when_declined check ((outcome = 'declined') = (reason is not null)),
    constraint ledger_answer_declined_moves_nothing check (outcome = 'approved' or (approved_amount = 0 and position is null)),
    constraint ledger_answer_tombstone check (digest is not null or reason = 'already_reversed')
);
create unique index ledger_answer_sequence_once on ledger_answer (origin_id, sequence);

-- What jobs have not folded yet. Written in the posting's commit, deleted in the commit that folds it.
create table ledger_outbox (
    account_id     uuid not null,
    position       bigint not null,
    business_date  date not null,
    store_id       uuid not null,
    type           text not null,
    undoes         text not null,
    tender         text not null,
    currency       text not null,
    amount         bigint not null
);

-- Daily sums by store and type, folded from the outbox.
create table ledger_daily_sum (
    business_date  date not null,
    store_id       uuid not null,
    type           text not null,
    undoes         text not null,
    tender         text not null,
    currency       text not null,
    count          bigint not null,
    amount         numeric(30) not null,
    primary key (business_date, store_id, type, undoes, tender, currency)
);

create function ledger_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ledger rows are append-only: % on % is refused', tg_op, tg_table_name using errcode = 'PC900';
end $$;

create function ledger_refuse_answer_change() returns trigger language plpgsql as $$
begin
    if old.digest is null and new.digest is not null and new.id = old.id and new.outcome = 'declined'
        and new.reason = 'already_reversed' and new.recorded_at = old.recorded_at and new.position is null
    then
        return new;  -- a tombstone is completed once by its late original
    end if;
    raise exception 'a stored answer is never changed' using errcode = 'PC900';
end $$;

create function ledger_refuse_hold_change() returns trigger language plpgsql as $$
begin
    if old.resolution is null and new.resolution is not null and new.amount = old.amount
        and new.id = old.id and new.account_id = old.account_id and new.expires_at = old.expires_at
    then
        return new;
    end if;
    raise exception 'a hold is resolved once and never changed otherwise' using errcode = 'PC900';
end $$;

do $$
declare
    v_table text;
begin
    foreach v_table in array array['ledger_transaction', 'ledger_transfer', 'ledger_lot', 'ledger_general_account'] loop
        execute format('create trigger append_only before update or delete on %I for each row execute function ledger_refuse_change()', v_table);
    end loop;
    foreach v_table in array array['ledger_account', 'ledger_answer', 'ledger_hold'] loop
        execute format('create trigger kept before delete on %I for each row execute function ledger_refuse_change()', v_table);
    end loop;
    foreach v_table in array array['ledger_transaction', 'ledger_transfer', 'ledger_lot', 'ledger_general_account', 'ledger_account', 'ledger_answer', 'ledger_hold'] loop
        execute format('create trigger never_truncated before truncate on %I for each statement execute function ledger_refuse_change()', v_table);
    end loop;
end $$;
create trigger never_changed before update on ledger_answer for each row execute function ledger_refuse_answer_change();
create trigger resolved_once before update on ledger_hold for each row execute function ledger_refuse_hold_change();

-- What one call is: who asks, when, and the fingerprint of its content.
create type ledger_request as (
    id             uuid,
    digest         bytea,
    origin_id      uuid,
    sequence       bigint,
    store_id       uuid,
    business_date  date,
    occurred_at    timestamptz,
    recorded_at    timestamptz,
    operator       text,
    note           text
);

-- One leg of a posting before it is written.
create type ledger_leg as (
    lot_no          integer,
    debit_account   uuid,
    credit_account  uuid,
    amount          bigint
);
