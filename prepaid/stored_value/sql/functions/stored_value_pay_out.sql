-- Pays value out of the lots of a card that staff opened, p_type 'cash_out' or 'card_return'; stores the answer. Minor units:
-- p_paid of paid lots and p_paid_from_bonus of bonus lots go to the tender, p_forfeited of bonus lots to the promotion, and
-- p_retained of paid lots to the fees. What is approved is their sum, the value that left the card.
-- p_closes closes the card in the same commit, where nothing that can be spent stays behind without another card.
-- One call is one commit. Locks the account's cards where it closes, then the account. Raises as stored_value_redeem.
create or replace function stored_value_pay_out(
    p_request ledger_request, p_type text, p_card uuid, p_paid bigint, p_paid_from_bonus bigint, p_forfeited bigint,
    p_retained bigint, p_currency text, p_tender text, p_tender_account uuid, p_promotion uuid, p_fees uuid,
    p_closes stored_value_card_change
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_presented stored_value_presented := row('desk', null, null, null, null, p_card);
    v_card stored_value_card := stored_value_find_card(v_presented);
    v_cards uuid[];
    v_account ledger_account;
    v_after ledger_account;
    v_amount bigint := p_paid + p_paid_from_bonus + p_forfeited + p_retained;
    v_part record;
    v_taken record;
    v_legs ledger_leg[] := '{}';
    v_reason text;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, p_type, v_amount, p_currency, null);
    if found then
        return;
    end if;
    if p_closes.change is not null then
        v_cards := stored_value_lock_cards(v_card.account_id);
    end if;
    select * into v_account from ledger_account where id = v_card.account_id for update;
    v_card := stored_value_find_card(v_presented);
    v_reason := coalesce(
        stored_value_refuse_card(v_card, v_presented, p_request.store_id, p_request.business_date, p_currency),
        stored_value_refuse_by_rule(p_request, v_card, p_type, v_account.balance),
        stored_value_refuse_own_issue(p_request, v_account.id),
        stored_value_refuse_payment(p_request, v_card, p_type, p_paid + p_paid_from_bonus, v_amount, p_tender),
        -- A cash-out cannot be asked for: above the amount, its day added up, it takes a card return.
        case
            when case p_type
                    when 'cash_out' then v_amount + stored_value_paid_out_on(v_account.id, p_request.business_date, null)
                    else v_amount
                end > (v_card.program).card_return_alone_max
                and (p_type = 'cash_out' or not stored_value_is_approved(p_request.id, 'card_return', p_card, v_amount))
                then stored_value_decline_for(p_request, 'second_person_needed')
        end,
        stored_value_refuse_pay_out(
            p_request, v_account, p_currency, p_paid + p_retained, p_paid_from_bonus + p_forfeited,
            cardinality(v_cards) = 1));
    if v_reason is not null then
        return next stored_value_reply_with(
            p_request, p_type, v_reason, v_amount, 0, p_currency, null, null, null, v_card, null, null);
        return;
    end if;
    v_after := v_account;
    for v_part in
        select * from (values
            (false, p_paid, p_tender_account), (true, p_paid_from_bonus, p_tender_account),
            (true, p_forfeited, p_promotion), (false, p_retained, p_fees)) as part (bonus, amount, account)
        where amount > 0
    loop
        select * into v_taken from ledger_take_of_kind(
            v_after.lots, v_part.bonus, v_part.amount, p_request.business_date, v_account.id, v_part.account);
        v_after.lots := v_taken.lots;
        v_legs := v_legs || v_taken.legs;
    end loop;
    v_after.balance := v_account.balance - v_amount;
    if v_amount > 0 then
        v_hash := ledger_post(p_request, v_account, v_after, p_type, v_amount, null, null, p_tender, v_legs);
    end if;
    if p_closes.change is not null then
        perform stored_value_change_cards(p_request, array[p_card], p_closes);
    end if;
    return next stored_value_reply_with(
        p_request, p_type, null, v_amount, v_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date),
        case when v_hash is not null then v_account.position + 1 end, v_card, null, v_hash);
end $$;
