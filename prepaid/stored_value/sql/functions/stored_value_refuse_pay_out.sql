-- Decides whether value may be paid out of an account that the caller holds: the first reason that applies, or null.
-- p_of_paid and p_of_bonus leave the lots of their kind; p_ends: no card would present the account afterwards, so that
-- nothing that can be spent may stay behind, nor an open hold, nor a shortfall that is owed. Minor units.
create or replace function stored_value_refuse_pay_out(
    p_request ledger_request, p_account ledger_account, p_currency text, p_of_paid bigint, p_of_bonus bigint, p_ends boolean
) returns text language plpgsql as $$
declare
    v_spendable bigint := ledger_spendable(p_account.lots, p_request.business_date);
    v_paid bigint := ledger_spendable(
        array(select lot from unnest(p_account.lots) as lot where not lot.bonus), p_request.business_date);
    v_left bigint := v_spendable - p_of_paid - p_of_bonus;
begin
    return case
        when p_currency <> p_account.currency then 'currency_mismatch'
        when p_ends and p_account.shortfall > 0 then stored_value_decline_for(p_request, 'shortfall_owed')
        when p_ends and p_account.held = 0 and v_left > 0 then 'type_not_allowed'
        when p_ends and p_account.held > 0 then 'insufficient_because_of_hold'
        when p_of_paid > v_paid or p_of_bonus > v_spendable - v_paid then 'insufficient_funds'
        when p_of_paid + p_of_bonus > ledger_available(p_account, p_request.business_date) then 'insufficient_because_of_hold'
    end;
end $$;
