-- Bonus, as it is promised with a load and paid; and since when a hold keeps its lots. Frozen: a later change is a
-- later file.

-- One part of the bonus that a load earned. Paid or cancelled once, by a conditional update. Its id, which follows
-- from the load's and its number, is that of the transaction that pays it: however often a job runs, it is paid once.
create table ledger_bonus (
    account_id      uuid not null,
    load_id         uuid not null,
    number          smallint not null constraint ledger_bonus_number_positive check (number > 0),
    id              uuid not null,
    amount          ledger_amount_moved not null,
    due_on          date not null,
    -- Days that its value is good for after it is paid; null is for ever.
    valid_days      integer,
    tender          text not null,
    campaign        text not null constraint ledger_bonus_has_a_campaign check (campaign <> ''),
    -- The general account that it comes from, and where the load was made: there it counts.
    source_account  uuid not null,
    origin_id       uuid not null,
    store_id        uuid not null,
    resolution      text constraint ledger_bonus_resolution_known check (resolution in ('paid', 'cancelled')),
    resolved_by     uuid,
    primary key (account_id, load_id, number),
    constraint ledger_bonus_resolved_whole check ((resolution is null) = (resolved_by is null)),
    constraint ledger_bonus_paid_by_itself check (resolution is distinct from 'paid' or resolved_by = id)
);
create index ledger_bonus_due on ledger_bonus (due_on) where resolution is null;

create function ledger_refuse_bonus_change() returns trigger language plpgsql as $$
begin
    if old.resolution is null and new.resolution is not null
        and to_jsonb(new) - 'resolution' - 'resolved_by' = to_jsonb(old) - 'resolution' - 'resolved_by'
    then
        return new;
    end if;
    raise exception 'a bonus is paid or cancelled once and never changed otherwise' using errcode = 'PC900';
end $$;
create trigger resolved_once before update on ledger_bonus for each row execute function ledger_refuse_bonus_change();
create trigger kept before delete on ledger_bonus for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_bonus for each statement execute function ledger_refuse_change();

-- The second guard, should the first one ever be lost.
create unique index ledger_transaction_bonus_once on ledger_transaction (account_id, id) where type = 'bonus';
-- Value that a store gives without an original stands for one approval, and each approval is used once.
create unique index ledger_lot_approval_once on ledger_lot (account_id, reference) where tender = 'merchant';

-- The business date on which a hold was placed: the lots that were good then stay good for it.
alter table ledger_hold add column placed_on date;
alter table ledger_hold disable trigger resolved_once;
update ledger_hold as hold set placed_on = coalesce((
    select placed.business_date from ledger_transaction as placed
    where placed.account_id = hold.account_id and placed.id = hold.id), hold.expires_at::date);
alter table ledger_hold enable trigger resolved_once;
alter table ledger_hold alter column placed_on set not null;
create index ledger_hold_open_of_account on ledger_hold (account_id, placed_on) where resolution is null;

create or replace function ledger_refuse_hold_change() returns trigger language plpgsql as $$
begin
    if old.resolution is null and new.resolution is not null and new.amount = old.amount
        and new.id = old.id and new.account_id = old.account_id and new.expires_at = old.expires_at
        and new.placed_on = old.placed_on
    then
        return new;
    end if;
    raise exception 'a hold is resolved once and never changed otherwise' using errcode = 'PC900';
end $$;
