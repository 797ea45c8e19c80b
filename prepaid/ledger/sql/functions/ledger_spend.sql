-- Takes an amount out of an account's open lots and posts it as a redeem, credited to p_credit. Minor units.
-- p_account is the account as the caller read it; the caller has made sure that the amount is there.
-- Locks the account's row. Returns as ledger_post: null where another transaction came between.
create or replace function ledger_spend(
    p_request ledger_request, p_account ledger_account, p_amount bigint, p_credit uuid, p_proportional boolean
) returns bytea language plpgsql as $$
declare
    v_first ledger_open_lot := p_account.lots[1];
    v_position bigint := p_account.position + 1;
    v_balance bigint := p_account.balance - p_amount;
    v_hash bytea;
    v_after ledger_account;
    v_taken record;
begin
    if p_proportional or coalesce(v_first.remaining, 0) <= p_amount or v_first.expires_on < p_request.business_date
        or p_account.counted_on < p_request.business_date
    then
        v_taken := ledger_take(p_account.lots, p_amount, p_request.business_date, p_account.id, p_credit, p_proportional);
        v_after := p_account;
        v_after.lots := v_taken.lots;
        v_after.balance := v_balance;
        return ledger_post(p_request, p_account, v_after, 'redeem', p_amount, null, null, null, v_taken.legs);
    end if;
    -- The common case, the rows of ledger_post written at once (ADR 0009): the first lot covers it, and the day's counters
    -- have begun.
    v_hash := ledger_chain_hash(
        p_account.hash, p_account.id, v_position, p_request.id, 'redeem', p_amount, v_balance, p_account.held, null,
        p_request.origin_id, p_request.store_id, p_request.business_date, p_request.occurred_at, p_request.recorded_at,
        p_request.operator, ledger_bytes_of_leg(v_first.lot_no, p_account.id, p_credit, p_amount));
    update ledger_account
    set balance = v_balance, lots[1].remaining = v_first.remaining - p_amount, position = v_position, hash = v_hash,
        redeemed_today = p_account.redeemed_today + p_amount, redeemed_month = p_account.redeemed_month + p_amount
    where id = p_account.id and position = p_account.position;
    if not found then
        return null;
    end if;
    insert into ledger_transaction (
        account_id, position, id, type, amount, balance_after, held_after, origin_id, store_id, business_date, occurred_at,
        recorded_at, operator, hash)
    values (
        p_account.id, v_position, p_request.id, 'redeem', p_amount, v_balance, p_account.held, p_request.origin_id,
        p_request.store_id, p_request.business_date, p_request.occurred_at, p_request.recorded_at, p_request.operator, v_hash);
    insert into ledger_transfer (account_id, position, leg, lot_no, debit_account, credit_account, amount)
    values (p_account.id, v_position, 1, v_first.lot_no, p_account.id, p_credit, p_amount);
    insert into ledger_outbox (account_id, position, business_date, store_id, type, undoes, tender, currency, amount)
    values (
        p_account.id, v_position, p_request.business_date, p_request.store_id, 'redeem', '', '', p_account.currency, p_amount);
    return v_hash;
end $$;
