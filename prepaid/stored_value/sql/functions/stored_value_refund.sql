-- Gives back value of an earlier redeem or capture, into the very lots it took, the last taken first; stores the answer.
-- The sum of refunds never exceeds the original. Minor units. Locks the account's row. Raises as stored_value_redeem.
create or replace function stored_value_refund(p_request ledger_request, p_original uuid, p_amount bigint, p_currency text)
returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v record;
    v_given record;
    v_after ledger_account;
    v_reason text;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, 'refund', p_amount, p_currency, p_original);
    if found then
        return;
    end if;
    select * into v from stored_value_find_original(p_request, p_original);
    v_reason := case
        when (v.transaction).id is null then 'original_unknown'
        when p_currency <> (v.account).currency then 'currency_mismatch'
        else stored_value_refuse_own_issue(p_request, (v.account).id)
    end;
    v_reason := case
        when v_reason is not null then v_reason
        when (v.transaction).type not in ('redeem', 'capture') then 'original_not_reversible'
        when exists (
            select from ledger_transaction as undo
            where undo.account_id = (v.account).id and undo.original_id = p_original and undo.type in ('void', 'reversal'))
            then 'already_reversed'
        when p_amount + (
            select coalesce(sum(refund.amount), 0) from ledger_transaction as refund
            where refund.account_id = (v.account).id and refund.original_id = p_original and refund.type = 'refund'
            -- A refund that was undone itself gives its part free again.
            and not exists (
                select from ledger_transaction as undo
                where undo.account_id = refund.account_id and undo.original_id = refund.id
                and undo.type in ('void', 'reversal'))
            ) > (v.transaction).amount then 'amount_over_original'
    end;
    if v_reason is not null then
        return next stored_value_decline_original(p_request, 'refund', v_reason, p_amount, p_currency, v.card, p_original);
        return;
    end if;
    select * into v_given from stored_value_refunded_lots(
        v.account, v.transaction, p_amount, ((v.card).program).consumption_order <> 'paid_first');
    v_after := v.account;
    v_after.lots := v_given.lots;
    v_after.balance := (v.account).balance + p_amount;
    v_hash := ledger_post(p_request, v.account, v_after, 'refund', p_amount, p_original, (v.transaction).type, null, v_given.legs);
    v_after := ledger_recover(p_request, v_after);
    return next stored_value_reply_with(
        p_request, 'refund', null, p_amount, p_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date), (v.account).position + 1, v.card, p_original, v_hash);
end $$;
