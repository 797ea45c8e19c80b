-- Adds value to the presented card against a tender that came in at p_tender_account; stores the answer.
-- With it comes what the best offer gives, at once or part by part.
-- p_instrument is the keyed hash of what paid, or null. p_price_currency comes with units alone: what they cost is p_price,
-- or the program's price for one.
-- One call is one commit. Minor units. Locks the credential's row, the account's, with a rule set the holder's, then the
-- counters'. Raises as stored_value_redeem.
create or replace function stored_value_load(
    p_request ledger_request, p_presented stored_value_presented, p_amount bigint, p_currency text,
    p_tender text, p_reference text, p_tender_account uuid, p_instrument bytea, p_price bigint, p_price_currency text
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card;
    v_account ledger_account;
    v_after ledger_account;
    v_offer cards_offer;
    v_reason text;
    v_expires_on date;
    v_price bigint;
    v_hash bytea;
    -- A bare number says what to load, and proves nobody: its answer tells no balance (ADR 0032).
    v_is_proven boolean := p_presented.method <> 'number' or p_presented.pin_mac is not null;
begin
    if exists (select from ledger_answer where id = p_request.id) then
        return query select * from stored_value_replay(p_request, 'load', p_amount, p_currency, null);
        return;
    end if;
    v_card := stored_value_admit_card(p_request, p_presented, p_currency);
    v_reason := v_card.refusal;
    if v_reason is null and p_presented.pin_mac is not null then
        -- Read without its lock, which comes after the PIN's.
        select * into v_account from ledger_account where id = v_card.account_id;
        v_reason := stored_value_refuse_load(
            p_request, v_card, v_account, p_amount, p_currency, p_tender, p_instrument,
            stored_value_first_bonus(stored_value_best_offer(
                (v_card.program).id, v_account.id, p_amount, p_request.business_date, p_request.store_id)));
        if v_reason is null then
            v_reason := stored_value_refuse_pin(v_card.credential_id, p_presented.pin_mac);
        end if;
    end if;
    if v_reason is null then
        select * into v_account from ledger_account where id = v_card.account_id for update;
        perform stored_value_look_again(v_card.card_id);
        v_offer := stored_value_best_offer(
            (v_card.program).id, v_account.id, p_amount, p_request.business_date, p_request.store_id);
        v_reason := stored_value_apply_rules(
            p_request, v_card, ledger_begin_day(v_account, p_request.business_date), p_amount, stored_value_first_bonus(v_offer),
            p_tender,
            stored_value_refuse_load(
                p_request, v_card, v_account, p_amount, p_currency, p_tender, p_instrument,
                stored_value_first_bonus(v_offer)));
    end if;
    if v_reason is null then
        -- A bonus that comes at once stands before its load in the chain.
        v_after := v_account;
        v_after.position := v_account.position + (v_offer.id is not null)::int;
        v_reason := stored_value_count(p_request, v_card, p_presented, p_instrument, v_after, p_amount, 0);
    end if;
    if v_reason is not null then
        return next stored_value_reply_with(
            p_request, 'load', v_reason, p_amount, 0, p_currency, null, null, null, v_card, null, null);
        return;
    end if;
    v_account := stored_value_grant_bonus(
        p_request, v_account, v_offer, p_tender, (v_card.program).consumption_order <> 'paid_first');
    v_after := v_account;
    if p_price_currency is not null then
        v_price := coalesce(p_price, p_amount * (v_card.program).unit_price);
    end if;
    v_expires_on := (p_request.business_date + make_interval(months => (v_card.program).value_valid_months))::date;
    v_after.lot_count := v_account.lot_count + 1;
    v_after.lots := ledger_put(
        v_account.lots, v_after.lot_count, false, p_amount, v_expires_on, (v_card.program).consumption_order <> 'paid_first');
    v_after.balance := v_account.balance + p_amount;
    insert into ledger_lot (
        account_id, lot_no, position, bonus, amount, expires_on, tender, reference, price, price_currency)
    values (
        v_account.id, v_after.lot_count, v_account.position + 1, false, p_amount, v_expires_on, p_tender, p_reference, v_price,
        case when v_price is not null then p_price_currency end);
    v_hash := ledger_post(
        p_request, v_account, v_after, 'load', p_amount, null, null, p_tender,
        array[row(v_after.lot_count, p_tender_account, v_account.id, p_amount)::ledger_leg]);
    v_after := ledger_recover(p_request, v_after);
    return next stored_value_reply_with(
        p_request, 'load', null, p_amount, p_amount, p_currency, case when v_is_proven then v_after.balance end,
        case when v_is_proven then ledger_available(v_after, p_request.business_date) end,
        v_account.position + 1, v_card, null, v_hash);
end $$;
