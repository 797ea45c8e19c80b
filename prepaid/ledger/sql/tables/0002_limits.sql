-- Limits as counters on locked rows. Frozen: a later change is a later file.

-- The account's own: its business day's and month's, which `counted_on` begins (ADR 0030).
alter table ledger_account
    add column loads_today     ledger_amount not null default 0,
    add column loaded_month    ledger_amount not null default 0,
    add column redeemed_month  ledger_amount not null default 0;

-- What stands on accounts already is counted as ledger_count_posting counts, refunds given back among them.
with begun as (
    select account.id as account_id, account.counted_on,
        min(posted.position) filter (where posted.business_date = account.counted_on) as day_first,
        min(posted.position) filter (
            where date_trunc('month', posted.business_date) = date_trunc('month', account.counted_on)) as month_first
    from ledger_account as account
    join ledger_transaction as posted on posted.account_id = account.id
    where account.counted_on > '-infinity'
    group by account.id, account.counted_on
), moved as (
    -- What a posting counts, and the day of what it undoes: that of the refund's original for a refund that is undone.
    select posted.account_id, posted.position,
        coalesce(first.business_date, undone.business_date) as of_day,
        case when posted.type in ('redeem', 'capture') then posted.amount
            when coalesce(posted.undoes, '') not in ('redeem', 'capture', 'refund') then 0
            when posted.undoes = 'refund' then posted.amount else -posted.amount end as redeemed,
        case when posted.type = 'load' then 1 when posted.undoes = 'load' then -1 else 0 end as loads,
        (select sum(lot.amount) from ledger_lot as lot
         where lot.account_id = posted.account_id and not lot.bonus
            and lot.position = case when posted.type = 'load' then posted.position else undone.position end) as paid
    from ledger_transaction as posted
    left join ledger_transaction as undone on undone.account_id = posted.account_id and undone.id = posted.original_id
    left join ledger_transaction as first
        on first.account_id = undone.account_id and first.id = undone.original_id and posted.undoes = 'refund'
    where posted.type in ('load', 'redeem', 'capture') or posted.undoes in ('load', 'redeem', 'capture', 'refund')
), counted as (
    select begun.account_id,
        coalesce(sum(redeemed) filter (where in_day), 0) as redeemed_today,
        coalesce(sum(redeemed) filter (where in_month), 0) as redeemed_month,
        coalesce(sum(loads * paid) filter (where in_day), 0) as loaded_today,
        coalesce(sum(loads * paid) filter (where in_month), 0) as loaded_month,
        coalesce(sum(loads) filter (where in_day and paid > 0), 0) as loads_today
    from begun
    left join lateral (
        select moved.*, moved.position >= day_first and coalesce(of_day = counted_on, true) as in_day,
            moved.position >= month_first
                and coalesce(date_trunc('month', of_day) = date_trunc('month', counted_on), true) as in_month
        from moved where moved.account_id = begun.account_id
    ) as moved on true
    group by begun.account_id
)
update ledger_account as account
set loads_today = counted.loads_today, loaded_today = counted.loaded_today, loaded_month = counted.loaded_month,
    redeemed_today = counted.redeemed_today, redeemed_month = counted.redeemed_month
from counted
where counted.account_id = account.id;

-- What a unit's load was paid with: value in visits or minutes has a price in money beside it. Minor units.
alter table ledger_lot
    add column price           ledger_amount,
    add column price_currency  ledger_currency,
    add constraint ledger_lot_price_whole check ((price is null) = (price_currency is null));

-- What is counted over more than one account (a holder's, a funding instrument's), or for one kind of proof only.
-- A row stands only where a program sets such a limit. `subject` is opaque here: an id's bytes or a keyed hash.
create table ledger_counter (
    kind            text not null,
    subject         bytea not null,
    currency        ledger_currency not null,
    counted_on      date not null,
    loads_today     ledger_amount not null default 0,
    loaded_today    ledger_amount not null default 0,
    loaded_month    ledger_amount not null default 0,
    redeemed_today  ledger_amount not null default 0,
    redeemed_month  ledger_amount not null default 0,
    primary key (kind, subject, currency),
    constraint ledger_counter_kind_known check (kind in ('holder', 'instrument', 'low_trust')),
    constraint ledger_counter_day_within_month check (loaded_today <= loaded_month and redeemed_today <= redeemed_month)
) with (fillfactor = 60);

-- What each transaction counted, and for which day: so that an undo gives back exactly this, to the same subject.
create table ledger_counted (
    account_id  uuid not null,
    position    ledger_position not null,
    kind        text not null,
    subject     bytea not null,
    currency    ledger_currency not null,
    counted_on  date not null,
    loads       smallint not null,
    loaded      bigint not null,
    redeemed    bigint not null,
    primary key (account_id, position, kind)
);
create index ledger_counted_subject on ledger_counted (kind, subject, counted_on);

create trigger append_only before update or delete on ledger_counted for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_counted for each statement execute function ledger_refuse_change();
create trigger kept before delete on ledger_counter for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_counter for each statement execute function ledger_refuse_change();
