-- Writes down every part of the bonus that a load earns by an offer, and pays the first one. The parts are alike; the
-- last takes the odd minor units. The caller holds the account's row and gives it as it stands. Returns the account after
-- it: as it was where there is no offer.
create or replace function stored_value_grant_bonus(
    p_request ledger_request, p_account ledger_account, p_offer cards_offer, p_tender text, p_bonus_first boolean
) returns ledger_account language plpgsql as $$
declare
    v_part bigint := stored_value_first_bonus(p_offer);
    v_first ledger_bonus;
begin
    if p_offer.id is null then
        return p_account;
    end if;
    insert into ledger_bonus (
        account_id, load_id, number, id, amount, due_on, valid_days, tender, campaign, source_account, origin_id, store_id)
    select p_account.id, p_request.id, number, ledger_derived_id(p_request.id, number::text),
        case when number = p_offer.instalments then p_offer.bonus - v_part * (number - 1) else v_part end,
        (p_request.business_date + (number - 1) * ('1 ' || p_offer.interval)::interval)::date,
        p_offer.bonus_valid_days, p_tender, p_offer.code, promotion.id, p_request.origin_id, p_request.store_id
    from generate_series(1, p_offer.instalments) as number
    join ledger_general_account as promotion
        on promotion.kind = 'promotion' and promotion.owner_id = p_request.store_id and promotion.currency = p_account.currency;
    select * into strict v_first from ledger_bonus
    where account_id = p_account.id and load_id = p_request.id and number = 1;
    return ledger_pay_bonus(p_request, p_account, v_first, p_bonus_first);
end $$;
