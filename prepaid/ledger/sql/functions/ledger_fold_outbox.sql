-- Folds up to p_limit outbox rows into the daily sums and deletes them, in one commit; returns how many.
-- Safe beside itself: a row is claimed by one call only; sums are locked in the order of their key.
create or replace function ledger_fold_outbox(p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_folded integer;
begin
    with claimed as (
        select ctid from ledger_outbox limit p_limit for update skip locked
    ), taken as (
        delete from ledger_outbox where ctid in (select ctid from claimed) returning *
    ), sums as (
        insert into ledger_daily_sum (business_date, store_id, type, undoes, tender, currency, count, amount)
        select business_date, store_id, type, undoes, tender, currency, count(*), sum(amount)
        from taken group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
        on conflict (business_date, store_id, type, undoes, tender, currency)
        do update set count = ledger_daily_sum.count + excluded.count, amount = ledger_daily_sum.amount + excluded.amount
    )
    select count(*) into v_folded from taken;
    return v_folded;
end $$;
