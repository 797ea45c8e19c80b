-- Voids a cash-out or a card return whole: the value goes back into the very lots, and the card that it closed runs
-- again. Stores the answer. Minor units. Locks the cards, then the account. Called by stored_value_undo.
create or replace function stored_value_undo_pay_out(
    p_request ledger_request, p_type text, p_original ledger_answer, p_own_only boolean, p_closed_through bigint
) returns setof stored_value_reply language plpgsql as $$
declare
    v_card stored_value_card := stored_value_find_card(
        row('desk', null, null, null, null, p_original.presented_id)::stored_value_presented);
    v_account ledger_account;
    v_after ledger_account;
    v_transaction ledger_transaction;
    v_legs ledger_leg[];
    v_reason text;
    v_hash bytea;
begin
    perform stored_value_lock_cards(p_original.account_id);
    select * into v_account from ledger_account where id = p_original.account_id for update;
    select * into v_transaction from ledger_transaction
    where account_id = p_original.account_id and position = p_original.position;
    v_reason := stored_value_refuse_undo(p_request, p_type, p_original, v_transaction, p_own_only, p_closed_through);
    if v_reason = 'already_reversed' and p_type = 'reversal' then
        -- A reversal is repeated at any time, and moves nothing then.
        return next stored_value_reply_with(
            p_request, p_type, null, null, 0, p_original.currency, v_account.balance,
            ledger_available(v_account, p_request.business_date), null, v_card, p_original.id, null);
        return;
    end if;
    if v_reason is not null then
        if v_reason = 'original_unknown' then
            v_card := null;
        end if;
        return next stored_value_reply_with(
            p_request, p_type, v_reason, null, 0, p_original.currency, null, null, null, v_card, p_original.id, null);
        return;
    end if;
    v_after := v_account;
    select * into v_after.lots, v_legs
    from stored_value_undone_lots(v_account, v_transaction, (v_card.program).consumption_order <> 'paid_first');
    v_after.balance := v_account.balance + v_transaction.amount;
    v_hash := ledger_post(
        p_request, v_account, v_after, p_type, v_transaction.amount, p_original.id, v_transaction.type,
        (select general.kind from ledger_transfer as transfer
         join ledger_general_account as general on general.id = transfer.credit_account
         where transfer.account_id = v_account.id and transfer.position = v_transaction.position
            and general.kind in ('cash', 'bank_transfer') limit 1), v_legs);
    v_after := ledger_recover(p_request, v_after);
    perform stored_value_reopen_cards(p_request, p_original.id);
    return next stored_value_reply_with(
        p_request, p_type, null, null, v_transaction.amount, p_original.currency, v_after.balance,
        ledger_available(v_after, p_request.business_date),
        v_account.position + 1, v_card, p_original.id, v_hash, p_original.type);
end $$;
