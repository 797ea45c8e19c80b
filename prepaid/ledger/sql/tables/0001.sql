-- The ledger's tables. Frozen: a later change is a later file. Every key starts with the account, so that the
-- tables can be distributed by it; the stored answers are keyed by the transaction's own id, which is all that a
-- repeat brings with it. No foreign key crosses accounts.

-- Checks of one column are domains: PostgreSQL keeps those ready, while a table's CHECK is read and planned anew by
-- every statement (ADR 0003).
create domain ledger_amount as bigint constraint ledger_amount_not_negative check (value >= 0);
create domain ledger_amount_moved as bigint constraint ledger_amount_moved_positive check (value > 0);
create domain ledger_position as bigint constraint ledger_position_positive check (value > 0);
create domain ledger_currency as text constraint ledger_currency_iso_4217 check (value ~ '^[A-Z]{3}$');
create domain ledger_outcome as text constraint ledger_outcome_known check (value in ('approved', 'declined'));

create type ledger_open_lot as (
    lot_no     integer,
    bonus      boolean,
    remaining  bigint,
    expires_on date
);

create function ledger_sum_of_lots(p_lots ledger_open_lot[]) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
    v_sum bigint := 0;
begin
    for place in 1 .. cardinality(p_lots) loop
        v_sum := v_sum + p_lots[place].remaining;
    end loop;
    return v_sum;
end $$;

-- Where value sits. The one row that a posting locks: everything that is a sum or a limit stands on it.
create table ledger_account (
    id              uuid primary key,
    currency        ledger_currency not null,
    balance         ledger_amount not null default 0,
    held            ledger_amount not null default 0,
    -- The open lots in the order in which they are consumed.
    lots            ledger_open_lot[] not null default '{}',
    lot_count       integer not null default 0,
    -- Head of the chain: how many transactions, and the hash after the last one.
    position        bigint not null default 0,
    hash            bytea not null default '\x',
    -- The business date that the two day counters belong to.
    counted_on      date not null default '-infinity',
    loaded_today    ledger_amount not null default 0,
    redeemed_today  ledger_amount not null default 0,
    opened_at       timestamptz not null,
    constraint ledger_account_held_within_balance check (held <= balance),
    constraint ledger_account_lots_are_the_balance check (ledger_sum_of_lots(lots) = balance)
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
    amount      ledger_amount_moved not null,
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
    amount       ledger_amount_moved not null,
    expires_at   timestamptz not null,
    resolution   text check (resolution in ('captured', 'released', 'expired')),
    resolved_by  uuid,
    captured     ledger_amount not null default 0,
    primary key (account_id, id),
    constraint ledger_hold_resolved_whole check ((resolution is null) = (resolved_by is null)),
    constraint ledger_hold_captured_when_captured check ((captured > 0) = (resolution is not distinct from 'captured'))
);
create index ledger_hold_open on ledger_hold (expires_at) where resolution is null;

-- What happened to an account, in the order of its chain. Approved transactions only.
create table ledger_transaction (
    account_id     uuid not null,
    position       ledger_position not null,
    id             uuid not null,
    type           text not null,
    amount         ledger_amount not null,
    balance_after  ledger_amount not null,
    held_after     ledger_amount not null,
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
    amount          ledger_amount_moved not null,
    primary key (account_id, position, leg)
);

-- The stored answer to a transaction's id, declines included. A row without a digest is a tombstone: a reversal
-- came before its original, which is completed here when it arrives.
create table ledger_answer (
    id               uuid primary key,
    digest           bytea,
    origin_id        uuid not null,
    sequence         bigint,
    type             text,
    outcome          ledger_outcome not null,
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
    hash             bytea
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

-- Checks over several columns of rows that every call writes. Triggers, because PostgreSQL compiles a trigger once a
-- connection and a table's CHECK once a statement (ADR 0003). They fail as a CHECK does, and fire always, as it does.
create function ledger_check_transfer() returns trigger language plpgsql as $$
begin
    if (new.debit_account = new.account_id) = (new.credit_account = new.account_id) then
        raise check_violation using constraint = 'ledger_transfer_of_its_account_and_another', table = tg_table_name,
            message = 'ledger_transfer_of_its_account_and_another: a transfer is between its account and another';
    end if;
    return new;
end $$;

create function ledger_check_answer() returns trigger language plpgsql as $$
begin
    if (new.outcome = 'approved') <> (new.reason is null)
        or (new.outcome = 'declined' and (new.approved_amount <> 0 or new.position is not null))
        or (new.digest is null and new.reason is distinct from 'already_reversed')
    then
        raise check_violation using constraint = 'ledger_answer_whole', table = tg_table_name,
            message = 'ledger_answer_whole: an answer is approved, or declined with a reason and nothing moved';
    end if;
    return new;
end $$;

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
create trigger checked before insert or update on ledger_transfer for each row execute function ledger_check_transfer();
create trigger checked before insert or update on ledger_answer for each row execute function ledger_check_answer();
alter table ledger_transfer enable always trigger checked;
alter table ledger_answer enable always trigger checked;
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
