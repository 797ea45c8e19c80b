-- Undoes a load, redeem, hold, capture, refund, move or payout whole: p_type 'void' (the cashier, before the batch closes) or
-- 'reversal' (the terminal that never got the answer; always safe to repeat). Restores the very lots, or takes them back,
-- a load's bonus with it: paid parts are undone, the others are cancelled.
-- A reversal of an original not seen yet is approved and leaves a tombstone under the original's id.
-- p_own_only: the original must come from the same origin, else from the same store.
-- Locks the account's row. Raises as stored_value_redeem.
create or replace function stored_value_undo(
    p_request ledger_request, p_type text, p_original uuid, p_own_only boolean, p_closed_through bigint
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_original ledger_answer;
    v_card stored_value_card;
    v_transaction ledger_transaction;
    v_account ledger_account;
    v_after ledger_account;
    v_before ledger_account;
    v_lots ledger_open_lot[];
    v_legs ledger_leg[];
    v_reason text;
    v_moves boolean := true;
    v_hash bytea;
    -- An undo tells no more than its original told; of what never moved anything it tells no balance.
    v_is_told boolean;
begin
    return query select * from stored_value_replay(p_request, p_type, null, null, p_original);
    if found then
        return;
    end if;
    select * into v_original from ledger_answer where id = p_original;
    if not found or v_original.digest is null then
        if p_type = 'void' then
            v_reason := 'original_unknown';
        elsif v_original.id is null then
            insert into ledger_answer (id, origin_id, outcome, reason, recorded_at)
            values (p_original, p_request.origin_id, 'declined', 'already_reversed', p_request.recorded_at);
        end if;
        return next stored_value_reply_with(p_request, p_type, v_reason, null, 0, null, null, null, null, null, p_original, null);
        return;
    end if;
    if v_original.type in ('move', 'cash_out', 'card_return') and v_original.outcome = 'approved'
        and (v_original.position is not null
             or exists (select from cards_cardevent where transaction_id = p_original and change = 'close'))
    then
        return query select * from stored_value_undo_at_desk(p_request, p_type, v_original, p_own_only, p_closed_through);
        return;
    end if;
    v_is_told := v_original.balance is not null and v_original.position is not null;
    -- Whose store a declined original belongs to is not kept: its card is told to its own origin alone.
    if v_original.position is not null or p_own_only then
        v_card := stored_value_find_card(row('desk', null, null, null, null, v_original.presented_id)::stored_value_presented);
        -- A card that did not prove itself was charged to an account that no card presents.
        v_card.account_id := v_original.account_id;
    end if;
    if v_original.position is not null then
        select * into v_account from ledger_account where id = v_original.account_id for update;
        select * into v_transaction from ledger_transaction
        where account_id = v_original.account_id and position = v_original.position;
        v_reason := stored_value_refuse_undo(p_request, p_type, v_original, v_transaction, p_own_only, p_closed_through);
        if v_reason = 'already_reversed' and p_type = 'reversal' then
            v_reason := null;
            v_moves := false;
        end if;
    else
        -- A declined original has moved nothing; nor has an approved reversal of something never seen.
        v_moves := false;
        v_reason := case
            when p_own_only and v_original.origin_id <> p_request.origin_id then 'original_unknown'
            when p_type = 'void' or v_original.type in ('void', 'reversal', 'release') then 'original_not_reversible'
        end;
    end if;
    if v_reason is null and v_moves then
        v_lots := stored_value_lots_without_bonus(v_account, v_transaction);
        v_before := v_account;
        v_before.lots := v_lots;
        select * into v_lots, v_legs
        from stored_value_undone_lots(v_before, v_transaction, (v_card.program).consumption_order <> 'paid_first');
        if v_lots is null then
            v_reason := 'insufficient_funds';
        elsif v_transaction.type in ('load', 'refund') and not ledger_holds_are_covered(v_account.id, v_lots) then
            v_reason := 'insufficient_because_of_hold';
        end if;
    end if;
    if v_reason is null and v_moves then
        if v_transaction.type = 'load' then
            v_account := ledger_take_back_bonus(p_request, p_type, v_account, p_original);
        end if;
        v_after := stored_value_account_after_undo(v_account, v_transaction, v_lots);
        if v_transaction.type = 'hold' then
            update ledger_hold set resolution = 'released', resolved_by = p_request.id
            where account_id = v_account.id and id = p_original;
        end if;
        v_hash := ledger_post(
            p_request, v_account, v_after, p_type, v_transaction.amount, p_original, v_transaction.type,
            (select lot.tender from ledger_lot as lot
             where lot.account_id = v_account.id and lot.position = v_transaction.position limit 1), v_legs);
        v_after := ledger_recover(p_request, v_after);
        return next stored_value_reply_with(
            p_request, p_type, null, null, v_transaction.amount, v_original.currency,
            case when v_is_told then v_after.balance end,
            case when v_is_told then ledger_available(v_after, p_request.business_date) end,
            v_account.position + 1, v_card, p_original, v_hash, v_transaction.type);
        return;
    end if;
    if v_reason = 'original_unknown' then
        return next stored_value_reply_with(p_request, p_type, v_reason, null, 0, null, null, null, null, null, p_original, null);
    elsif v_reason in ('original_not_reversible', 'already_reversed') then
        return next stored_value_reply_with(
            p_request, p_type, v_reason, null, 0, v_original.currency, null, null, null, v_card, p_original, null);
    else
        return next stored_value_reply_with(
            p_request, p_type, v_reason, null, 0, v_original.currency,
            case when v_is_told then v_account.balance end,
            case when v_is_told then ledger_available(v_account, p_request.business_date) end,
            null, v_card, p_original, null);
    end if;
end $$;
