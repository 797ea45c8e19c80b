-- Posts the first transaction of many accounts at once, as ledger_post would one by one: the account's row with its
-- counters, lots, transaction, transfers and outbox row. p_type is 'load' or 'import'. Paid value comes from p_source,
-- bonus from p_bonus_source under p_campaign. p_request holds but the ids, which each opening has. Minor units.
-- Locks the accounts in the order of their ids. Returns what was posted; an account that has transactions, or an
-- opening of nothing, is left out. That this leaves the rows that single postings leave is held by a test (ADR 0075).
create or replace function ledger_post_first(
    p_request ledger_request, p_type text, p_currency text, p_tender text, p_reference text, p_campaign text, p_source uuid,
    p_bonus_source uuid, p_bonus_first boolean, p_unit_price bigint, p_price_currency text, p_openings ledger_opening[]
) returns table (account_id uuid, id uuid, amount bigint, hash bytea) language plpgsql as $$
#variable_conflict use_column
begin
    perform from ledger_account as account
    where account.id = any (array(select opening.account_id from unnest(p_openings) as opening)) order by account.id for update;
    return query
    with opening as materialized (
        select opened.account_id, opened.id, opened.paid, opened.bonus, opened.expires_on, opened.paid + opened.bonus as amount,
            case when opened.paid > 0 then 1 end as paid_no,
            case when opened.bonus > 0 then 1 + (opened.paid > 0)::int end as bonus_no,
            case when opened.paid > 0 then array[row(1, p_source, opened.account_id, opened.paid)::ledger_leg] else '{}' end
            || case when opened.bonus > 0 then array[row(
                1 + (opened.paid > 0)::int, p_bonus_source, opened.account_id, opened.bonus)::ledger_leg] else '{}' end as legs
        from unnest(p_openings) as opened
        where opened.paid + opened.bonus > 0
    ), hashed as materialized (
        select opening.*, ledger_chain_hash(
            '\x', opening.account_id, 1, opening.id, p_type, opening.amount, opening.amount, 0, null, p_request.origin_id,
            p_request.store_id, p_request.business_date, p_request.occurred_at, p_request.recorded_at, p_request.operator,
            ledger_bytes_of_legs(opening.legs)) as hash,
            array(
                select row(lot.lot_no, lot.bonus, lot.amount, opening.expires_on)::ledger_open_lot
                from (values (opening.paid_no, false, opening.paid), (opening.bonus_no, true, opening.bonus))
                    as lot (lot_no, bonus, amount)
                where lot.lot_no is not null
                order by lot.bonus <> p_bonus_first) as lots
        from opening
    ), posted as (
        update ledger_account as account
        set balance = hashed.amount, lots = hashed.lots, lot_count = cardinality(hashed.lots), position = 1,
            hash = hashed.hash, counted_on = greatest(account.counted_on, p_request.business_date),
            loads_today = case when p_type = 'load' and hashed.paid > 0 then 1 else 0 end,
            loaded_today = case when p_type = 'load' then hashed.paid else 0 end,
            loaded_month = case when p_type = 'load' then hashed.paid else 0 end
        from hashed
        where account.id = hashed.account_id and account.position = 0 and account.currency = p_currency
        returning account.id
    ), done as materialized (
        select hashed.* from hashed join posted on posted.id = hashed.account_id
    ), lotted as (
        insert into ledger_lot (
            account_id, lot_no, position, bonus, amount, expires_on, tender, reference, campaign, price, price_currency)
        select done.account_id, lot.lot_no, 1, lot.bonus, lot.amount, done.expires_on, p_tender, p_reference,
            case when lot.bonus then p_campaign else '' end,
            case when p_price_currency is not null and not lot.bonus then lot.amount * p_unit_price end,
            case when p_price_currency is not null and not lot.bonus and p_unit_price is not null then p_price_currency end
        from done
        cross join lateral (values (done.paid_no, false, done.paid), (done.bonus_no, true, done.bonus))
            as lot (lot_no, bonus, amount)
        where lot.lot_no is not null
    ), chained as (
        insert into ledger_transaction (
            account_id, position, id, type, amount, balance_after, held_after, origin_id, store_id, business_date,
            occurred_at, recorded_at, operator, hash)
        select done.account_id, 1, done.id, p_type, done.amount, done.amount, 0, p_request.origin_id, p_request.store_id,
            p_request.business_date, p_request.occurred_at, p_request.recorded_at, p_request.operator, done.hash
        from done
    ), transferred as (
        insert into ledger_transfer (account_id, position, leg, lot_no, debit_account, credit_account, amount)
        select done.account_id, 1, leg.no, leg.lot_no, leg.debit_account, leg.credit_account, leg.amount
        from done
        cross join lateral unnest(done.legs) with ordinality as leg (lot_no, debit_account, credit_account, amount, no)
    ), told as (
        insert into ledger_outbox (account_id, position, business_date, store_id, type, undoes, tender, currency, amount)
        select done.account_id, 1, p_request.business_date, p_request.store_id, p_type, '', p_tender, p_currency, done.amount
        from done
    )
    select done.account_id, done.id, done.amount, done.hash from done;
end $$;
