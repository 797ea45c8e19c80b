-- Decides whether value may move between two accounts that the caller holds: the first reason that applies, or null.
-- p_amount null: all of it, for which no hold may be open, no shortfall be owed and no part of a bonus be due later. Minor units.
create or replace function stored_value_refuse_move(
    p_request ledger_request, p_source stored_value_card, p_target stored_value_card, p_from ledger_account,
    p_to ledger_account, p_amount bigint
) returns text language plpgsql as $$
declare
    v_amount bigint := coalesce(p_amount, p_from.balance);
    v_spendable bigint := ledger_spendable(p_from.lots, p_request.business_date);
    v_reason text;
begin
    v_reason := case
        when p_from.currency <> p_to.currency or p_from.currency <> (p_source.program).currency then 'currency_mismatch'
        when p_source.account_id = p_target.account_id or (p_source.program).moves_to = 'nothing'
            or ((p_source.program).moves_to = 'same_program' and (p_source.program).id <> (p_target.program).id)
            then 'type_not_allowed'
        when p_amount is null and p_from.shortfall > 0 then stored_value_decline_for(p_request, 'shortfall_owed')
        when p_amount is null and exists (
            select from ledger_bonus as bonus where bonus.account_id = p_from.id and bonus.resolution is null)
            then stored_value_decline_for(p_request, 'bonus_to_come')
    end;
    return case
        when v_reason is not null then v_reason
        when stored_value_refuse_balance(p_request, p_target, p_to.balance + v_amount) is not null then 'limit_balance'
        when p_amount is null and p_from.held > 0 then 'insufficient_because_of_hold'
        when p_amount is null or p_amount <= ledger_available(p_from, p_request.business_date) then null
        when p_amount <= v_spendable then 'insufficient_because_of_hold'
        else 'insufficient_funds'
    end;
end $$;
