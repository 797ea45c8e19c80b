-- Writes one approved transaction of an account: the account's row, the transaction, its transfers and the outbox row.
-- p_before is the account as the caller read it; p_after carries its new balance, held and lots. The counters of limits
-- follow from what is posted, whatever p_after says of them. Minor units.
-- Locks the account's row. Returns the chain's new hash, or null when another transaction came between: nothing is
-- written then, and the caller reads and decides again.
create or replace function ledger_post(
    p_request ledger_request, p_before ledger_account, p_after ledger_account, p_type text, p_amount bigint,
    p_original uuid, p_undoes text, p_tender text, p_legs ledger_leg[]
) returns bytea language plpgsql as $$
declare
    v_position bigint := p_before.position + 1;
    v_hash bytea := ledger_chain_hash(
        p_before.hash, p_before.id, v_position, p_request.id, p_type, p_amount, p_after.balance, p_after.held, p_original,
        p_request.origin_id, p_request.store_id, p_request.business_date, p_request.occurred_at, p_request.recorded_at,
        p_request.operator, ledger_bytes_of_legs(p_legs));
    v_counted ledger_account;
begin
    v_counted := ledger_count_posting(p_before, p_request.business_date, p_type, p_amount, p_original, p_undoes);
    update ledger_account
    set balance = p_after.balance, held = p_after.held, lots = p_after.lots, lot_count = p_after.lot_count,
        position = v_position, hash = v_hash, counted_on = v_counted.counted_on, loads_today = v_counted.loads_today,
        loaded_today = v_counted.loaded_today, loaded_month = v_counted.loaded_month,
        redeemed_today = v_counted.redeemed_today, redeemed_month = v_counted.redeemed_month
    where id = p_before.id and position = p_before.position;
    if not found then
        return null;
    end if;
    insert into ledger_transaction (
        account_id, position, id, type, amount, balance_after, held_after, original_id, undoes, origin_id, store_id,
        business_date, occurred_at, recorded_at, operator, hash)
    values (
        p_before.id, v_position, p_request.id, p_type, p_amount, p_after.balance, p_after.held, p_original, p_undoes,
        p_request.origin_id, p_request.store_id, p_request.business_date, p_request.occurred_at, p_request.recorded_at,
        p_request.operator, v_hash);
    insert into ledger_transfer (account_id, position, leg, lot_no, debit_account, credit_account, amount)
    select p_before.id, v_position, leg.no, leg.lot_no, leg.debit_account, leg.credit_account, leg.amount
    from unnest(p_legs) with ordinality as leg (lot_no, debit_account, credit_account, amount, no);
    if p_original is not null then
        perform ledger_count_back(p_before.id, v_position, p_type, p_amount, p_original, p_undoes);
    end if;
    insert into ledger_outbox (account_id, position, business_date, store_id, type, undoes, tender, currency, amount)
    values (p_before.id, v_position, p_request.business_date, p_request.store_id, p_type, coalesce(p_undoes, ''),
            coalesce(p_tender, ''), p_before.currency, p_amount);
    return v_hash;
end $$;
