-- Decides whether the rules in force let an amount be paid back in this way: type_not_allowed, with the rule written down,
-- or null. Above the line for cash, the day's payments added up, it goes by bank; and where a formula of the law says what
-- a returned card is worth, a card return is one that was quoted and chosen by it. p_paid goes to p_tender, p_amount is all
-- that leaves the card. Minor units. The caller holds the account.
create or replace function stored_value_refuse_payment(
    p_request ledger_request, p_card stored_value_card, p_type text, p_paid bigint, p_amount bigint, p_tender text
) returns text language plpgsql as $$
declare
    v_rule uuid;
begin
    if (p_card.program).rule_set_id is null then
        return null;
    end if;
    select rule.id into v_rule
    from stored_value_rules((p_card.program).rule_set_id, p_request.business_date) as rule
    where case rule.field
        when 'refund_channel' then p_tender = 'cash' and p_paid > 0
            and p_paid + stored_value_paid_out_on(p_card.account_id, p_request.business_date, 'cash')
                > (rule.value ->> 'cash_up_to')::bigint
        when 'refund_formula' then p_type = 'card_return' and p_amount > 0 and not rule.value ? 'paid_bucket'
            and not exists (select from stored_value_return_quote as chosen where chosen.id = p_request.id)
        else false
    end
    order by rule.field limit 1;
    return stored_value_decline_by(p_request, v_rule, 'type_not_allowed');
end $$;
