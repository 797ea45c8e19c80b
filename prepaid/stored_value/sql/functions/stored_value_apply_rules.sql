-- Decides whether the rules in force on the business date let an amount be loaded. p_account is the locked account with
-- its counters of today; p_bonus comes with the amount at once; p_reason is what the program's own terms decided. Gives
-- the reason that comes first of both, and writes down the rule where one decided. Minor units. Locks the holder's row,
-- whose accounts are summed.
create or replace function stored_value_apply_rules(
    p_request ledger_request, p_card stored_value_card, p_account ledger_account, p_amount bigint, p_bonus bigint, p_tender text, p_reason text
) returns text language plpgsql as $$
declare
    c_order constant text[] := array['currency_mismatch', 'type_not_allowed', 'limit_single', 'limit_day', 'limit_balance'];
    v_holder cards_holder;
    v_broken record;
begin
    if (p_card.program).rule_set_id is null then
        return p_reason;
    end if;
    -- Sums over a holder's accounts are true only while no other load of theirs is under way.
    select holder.* into v_holder
    from cards_account as account join cards_holder as holder on holder.id = account.holder_id
    where account.id = p_card.account_id
    for no key update of holder;
    select rule.id, broken.reason into v_broken
    from stored_value_rules((p_card.program).rule_set_id, p_request.business_date) as rule
    cross join lateral (
        select case rule.field
            when 'identity_required_when' then
                case when v_holder.identified_at is null and stored_value_wants_identity(
                    rule.value, p_account, v_holder.id, p_request.business_date, p_amount) then 'type_not_allowed' end
            when 'cash_forbidden_from' then
                case when p_tender = 'cash' and p_amount + stored_value_loaded_between(
                    p_account.id, v_holder.id, p_request.business_date, p_request.business_date, 'cash')
                    >= (rule.value ->> coalesce(v_holder.kind, 'person'))::bigint then 'type_not_allowed' end
            when 'expiry_allowed' then
                case when rule.value = 'false' and (p_card.program).value_valid_months is not null then 'type_not_allowed' end
            when 'min_validity' then
                case when (p_card.program).value_valid_months < (rule.value #>> '{}')::integer then 'type_not_allowed' end
            when 'max_single_load' then
                case when p_amount > (rule.value #>> '{}')::bigint then 'limit_single' end
            when 'max_daily_load' then
                case when p_account.loaded_today + p_amount > (rule.value #>> '{}')::bigint then 'limit_day' end
            when 'max_daily_purchase_per_buyer' then
                case when p_amount + stored_value_loaded_between(
                    p_account.id, v_holder.id, p_request.business_date, p_request.business_date, null)
                    > (rule.value #>> '{}')::bigint then 'limit_day' end
            when 'max_balance' then
                case when p_account.balance + p_amount + p_bonus > (rule.value #>> '{}')::bigint then 'limit_balance' end
        end as reason
    ) as broken
    where broken.reason is not null
    order by array_position(c_order, broken.reason), rule.field
    limit 1;
    if v_broken.id is null or array_position(c_order, p_reason) < array_position(c_order, v_broken.reason) then
        return p_reason;
    end if;
    return stored_value_decline_by(p_request, v_broken.id, v_broken.reason);
end $$;
