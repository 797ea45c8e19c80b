-- Voids a move whole, on both of its accounts, into and out of the very lots; cards that it closed run again.
-- Declines where the other account has spent what came. Stores the answer, which tells of the account that gave.
-- Minor units. Locks the cards, then both accounts in the order of their ids. Called by stored_value_undo.
create or replace function stored_value_undo_move(
    p_request ledger_request, p_type text, p_original ledger_answer, p_own_only boolean, p_closed_through bigint
) returns setof stored_value_reply language plpgsql as $$
declare
    v_card stored_value_card := stored_value_find_card(
        row('desk', null, null, null, null, p_original.presented_id)::stored_value_presented);
    v_move ledger_move;
    v_from ledger_account;
    v_to ledger_account;
    v_from_after ledger_account;
    v_to_after ledger_account;
    v_given ledger_transaction;
    v_taken ledger_transaction;
    v_from_legs ledger_leg[];
    v_to_legs ledger_leg[];
    v_reason text;
    v_hash bytea;
begin
    select * into v_move from ledger_move where id = p_original.id;
    perform stored_value_lock_cards(v_move.from_account);
    select * into v_from from ledger_account where id = least(v_move.from_account, v_move.to_account) for update;
    select * into v_to from ledger_account where id = greatest(v_move.from_account, v_move.to_account) for update;
    if v_from.id <> v_move.from_account then
        v_from_after := v_from;
        v_from := v_to;
        v_to := v_from_after;
    end if;
    select * into v_given from ledger_transaction where account_id = v_from.id and position = v_move.from_position;
    select * into v_taken from ledger_transaction where account_id = v_to.id and position = v_move.to_position;
    v_reason := stored_value_refuse_undo(p_request, p_type, p_original, v_given, p_own_only, p_closed_through);
    v_from_after := v_from;
    v_to_after := v_to;
    if v_reason is null then
        select * into v_from_after.lots, v_from_legs
        from stored_value_undone_lots(v_from, v_given, (v_card.program).consumption_order <> 'paid_first');
        -- What is taken out again keeps the order in which the lots stand.
        select * into v_to_after.lots, v_to_legs from stored_value_undone_lots(v_to, v_taken, true);
        v_reason := case
            when v_to_after.lots is null then 'insufficient_funds'
            when not ledger_holds_are_covered(v_to.id, v_to_after.lots) then 'insufficient_because_of_hold'
        end;
    end if;
    if v_reason = 'already_reversed' and p_type = 'reversal' then
        -- A reversal is repeated at any time, and moves nothing then.
        return next stored_value_reply_with(
            p_request, p_type, null, null, 0, p_original.currency, v_from.balance,
            ledger_available(v_from, p_request.business_date), null, v_card, p_original.id, null);
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
    v_from_after.balance := v_from.balance + v_move.amount;
    v_to_after.balance := v_to.balance - v_move.amount;
    v_hash := ledger_post(
        p_request, v_from, v_from_after, p_type, v_move.amount, p_original.id, 'move_out', null, v_from_legs);
    perform ledger_post(p_request, v_to, v_to_after, p_type, v_move.amount, p_original.id, 'move_in', null, v_to_legs);
    v_from_after := ledger_recover(p_request, v_from_after);
    perform stored_value_reopen_cards(p_request, p_original.id);
    return next stored_value_reply_with(
        p_request, p_type, null, null, v_move.amount, p_original.currency, v_from_after.balance,
        ledger_available(v_from_after, p_request.business_date),
        v_from.position + 1, v_card, p_original.id, v_hash, p_original.type);
end $$;
