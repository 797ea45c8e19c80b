-- Puts into an account what it lacks for p_request, lent by the general account p_lender, as a lot of its own; gives the
-- account as it stands then. A transaction `shortfall` under an id that follows from the request's, with its answer.
-- Minor units. The caller holds the account's row, and spends the lot in the same commit.
create or replace function ledger_lend(p_request ledger_request, p_before ledger_account, p_amount bigint, p_lender uuid)
returns ledger_account language plpgsql as $$
declare
    v_request ledger_request := p_request;
    v_after ledger_account := p_before;
    v_hash bytea;
begin
    v_request.id := ledger_derived_id(p_request.id, 'shortfall');
    v_after.lot_count := p_before.lot_count + 1;
    v_after.lots := p_before.lots || row(v_after.lot_count, false, p_amount, null)::ledger_open_lot;
    v_after.balance := p_before.balance + p_amount;
    insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender)
    values (p_before.id, v_after.lot_count, p_before.position + 1, false, p_amount, null, 'shortfall');
    insert into ledger_shortfall (account_id, id, position, original_id, general_account, amount)
    values (p_before.id, v_request.id, p_before.position + 1, p_request.id, p_lender, p_amount);
    v_hash := ledger_post(
        v_request, p_before, v_after, 'shortfall', p_amount, p_request.id, null, 'shortfall',
        array[row(v_after.lot_count, p_lender, p_before.id, p_amount)::ledger_leg]);
    update ledger_account set shortfall = shortfall + p_amount where id = p_before.id returning * into v_after;
    perform ledger_answer_follow_up(v_request, 'shortfall', p_amount, v_after, p_request.id, v_hash);
    return v_after;
end $$;
