-- Voids whole what staff did to a card that they opened: a move or merge on both of its accounts, a cash-out, a card return.
-- Value goes back into the very lots, and out of them where it came; cards that it closed run again, also where they were
-- empty and nothing moved. Declines where the other account has spent what came. Stores the answer, which tells of the
-- account that gave. Minor units. Locks the cards, then the accounts in the order of their ids. Called by stored_value_undo.
create or replace function stored_value_undo_at_desk(
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
    -- No row for a payout, nor where nothing moved: the two ids below are one then.
    select * into v_move from ledger_move where id = p_original.id;
    perform stored_value_lock_cards(p_original.account_id);
    select * into v_from from ledger_account where id = least(p_original.account_id, v_move.to_account) for update;
    select * into v_to from ledger_account where id = greatest(p_original.account_id, v_move.to_account) for update;
    if v_from.id <> p_original.account_id then
        v_from_after := v_from;
        v_from := v_to;
        v_to := v_from_after;
    end if;
    v_given := stored_value_posted_at_desk(p_original);
    v_reason := stored_value_refuse_undo(p_request, p_type, p_original, v_given, p_own_only, p_closed_through);
    v_from_after := v_from;
    v_to_after := v_to;
    if v_reason is null and p_original.position is not null then
        select * into v_from_after.lots, v_from_legs
        from stored_value_undone_lots(v_from, v_given, (v_card.program).consumption_order <> 'paid_first');
    end if;
    if v_reason is null and v_move.id is not null then
        select * into v_taken from ledger_transaction where account_id = v_to.id and position = v_move.to_position;
        -- What is taken out again keeps the order in which the lots stand.
        select * into v_to_after.lots, v_to_legs from stored_value_undone_lots(v_to, v_taken, true);
        v_reason := case
            when v_to_after.lots is null then 'insufficient_funds'
            when not ledger_holds_are_covered(v_to.id, v_to_after.lots) then 'insufficient_because_of_hold'
        end;
    end if;
    if v_reason is not null and not (v_reason = 'already_reversed' and p_type = 'reversal') then
        if v_reason = 'original_unknown' then
            v_card := null;
        end if;
        return next stored_value_reply_with(
            p_request, p_type, v_reason, null, 0, p_original.currency, null, null, null, v_card, p_original.id, null);
        return;
    end if;
    -- A reversal is repeated at any time, and moves nothing then.
    if v_reason is null and p_original.position is not null then
        v_from_after.balance := v_from.balance + v_given.amount;
        v_hash := ledger_post(
            p_request, v_from, v_from_after, p_type, v_given.amount, p_original.id, v_given.type,
            (select general.kind from ledger_transfer as transfer
             join ledger_general_account as general on general.id = transfer.credit_account
             where transfer.account_id = v_from.id and transfer.position = v_given.position
                and general.kind in ('cash', 'bank_transfer') limit 1), v_from_legs);
        if v_move.id is not null then
            v_to_after.balance := v_to.balance - v_move.amount;
            perform ledger_post(p_request, v_to, v_to_after, p_type, v_move.amount, p_original.id, 'move_in', null, v_to_legs);
        end if;
        v_from_after := ledger_recover(p_request, v_from_after);
    end if;
    if v_reason is null then
        perform stored_value_reopen_cards(p_request, p_original.id);
    end if;
    return next stored_value_reply_with(
        p_request, p_type, null, null, case when v_hash is not null then v_given.amount else 0 end, p_original.currency,
        v_from_after.balance, ledger_available(v_from_after, p_request.business_date),
        case when v_hash is not null then v_from.position + 1 end, v_card, p_original.id, v_hash,
        case when v_hash is not null then p_original.type end);
end $$;
