-- Takes one card of an order or import back, or says in its line that it was used. Minor units.
-- The caller holds the account's cards and the account.
create or replace function stored_value_take_back_line(
    p_request ledger_request, p_line cards_bulkline, p_base uuid, p_type text, p_frees boolean,
    p_closes stored_value_card_change
) returns boolean language plpgsql as $$
declare
    v_request ledger_request := p_request;
    v_card stored_value_card := stored_value_find_card(row('desk', null, null, null, null, p_line.card_id)::stored_value_presented);
    v_account ledger_account;
    v_posted ledger_transaction;
    v_after ledger_account;
    v_lots ledger_open_lot[];
    v_legs ledger_leg[];
    v_hash bytea;
begin
    v_request.id := stored_value_line_id(p_request.id, p_line.line, 'void');
    v_request.digest := sha256(p_request.digest || int4send(p_line.line));
    select * into v_account from ledger_account where id = p_line.account_id;
    select * into v_posted from ledger_transaction
    where account_id = p_line.account_id and id = stored_value_line_id(p_base, p_line.line, p_type);
    -- Its own posting, with the bonus that it earned, is all that an account that was not used has.
    if v_account.held <> 0 or v_card.state <> all (p_closes.before) or v_card.state = 'lost'
        or exists (
            select from ledger_transaction as posted
            where posted.account_id = p_line.account_id and posted.id is distinct from v_posted.id
                and (posted.type <> 'bonus' or posted.original_id is distinct from v_posted.id))
        or exists (select from cards_card where account_id = p_line.account_id and id <> p_line.card_id)
    then
        update cards_bulkline set outcome = 'used' where bulk_id = p_line.bulk_id and line = p_line.line;
        return false;
    end if;
    if v_posted.id is not null then
        v_after := v_account;
        v_after.lots := stored_value_lots_without_bonus(v_account, v_posted);
        select * into v_lots, v_legs from stored_value_undone_lots(
            v_after, v_posted, (v_card.program).consumption_order <> 'paid_first');
        if p_type = 'load' then
            v_account := ledger_take_back_bonus(v_request, 'void', v_account, v_posted.id);
        end if;
        v_after := stored_value_account_after_undo(v_account, v_posted, v_lots);
        v_hash := ledger_post(
            v_request, v_account, v_after, 'void', v_posted.amount, v_posted.id, p_type,
            (select tender from ledger_lot where account_id = v_account.id and position = v_posted.position limit 1), v_legs);
        perform stored_value_reply_with(
            v_request, 'void', null, null, v_posted.amount, v_account.currency, v_after.balance, 0, v_account.position + 1,
            v_card, v_posted.id, v_hash, p_type);
    end if;
    perform stored_value_change_cards(v_request, array[p_line.card_id], p_closes);
    if p_frees then
        delete from cards_credential where card_id = p_line.card_id;
    end if;
    update cards_bulkline set outcome = 'taken_back' where bulk_id = p_line.bulk_id and line = p_line.line;
    return true;
end $$;
