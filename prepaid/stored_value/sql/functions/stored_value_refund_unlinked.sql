-- Gives value without an original, out of p_merchant, for one approval: a paid lot of its own, whose reference is the
-- approval; stores the answer. An approval is used once. Earns no bonus. Minor units.
-- Locks the credential's row, then the account's row. Raises as stored_value_redeem, and PC904 unless the approval is of
-- this very refund and being carried out.
create or replace function stored_value_refund_unlinked(
    p_request ledger_request, p_presented stored_value_presented, p_amount bigint, p_currency text, p_approval uuid,
    p_merchant uuid
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card;
    v_account ledger_account;
    v_after ledger_account;
    v_reason text;
    v_expires_on date;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, 'refund', p_amount, p_currency, null);
    if found then
        return;
    end if;
    if p_approval is null or p_request.note = '' then
        raise exception 'value without an original needs an approval and a reason' using errcode = 'PC904';
    end if;
    v_card := stored_value_admit_card(p_request, p_presented, p_currency);
    if not stored_value_is_approved(p_request.id, 'refund_unlinked', v_card.card_id, p_amount)
        or not exists (select from ledger_approval where id = p_approval and transaction_id = p_request.id)
    then
        raise exception 'no approval of this very refund is being carried out' using errcode = 'PC904';
    end if;
    v_reason := v_card.refusal;
    if v_reason is null then
        select * into v_account from ledger_account where id = v_card.account_id for update;
        v_reason := case
            when p_currency <> v_account.currency then 'currency_mismatch'
            else stored_value_refuse_own_issue(p_request, v_account.id)
        end;
        v_reason := case
            when v_reason is not null then v_reason
            when exists (
                select from ledger_lot as lot
                where lot.account_id = v_account.id and lot.approval = p_approval)
                then 'already_reversed'
            when v_account.balance + p_amount > (v_card.program).balance_max then 'limit_balance'
        end;
    end if;
    if v_reason is not null then
        return next stored_value_reply_with(
            p_request, 'refund', v_reason, p_amount, 0, p_currency, null, null, null, v_card, null, null);
        return;
    end if;
    v_expires_on := (p_request.business_date + make_interval(months => (v_card.program).value_valid_months))::date;
    v_after := v_account;
    v_after.lot_count := v_account.lot_count + 1;
    v_after.lots := ledger_put(
        v_account.lots, v_after.lot_count, false, p_amount, v_expires_on, (v_card.program).consumption_order <> 'paid_first');
    v_after.balance := v_account.balance + p_amount;
    insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender, reference, approval)
    values (
        v_account.id, v_after.lot_count, v_account.position + 1, false, p_amount, v_expires_on, 'merchant', p_approval::text,
        p_approval);
    v_hash := ledger_post(
        p_request, v_account, v_after, 'refund', p_amount, null, null, 'merchant',
        array[row(v_after.lot_count, p_merchant, v_account.id, p_amount)::ledger_leg]);
    v_after := ledger_recover(p_request, v_after);
    return next stored_value_reply_with(
        p_request, 'refund', null, p_amount, p_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date), v_account.position + 1, v_card, null, v_hash);
end $$;
