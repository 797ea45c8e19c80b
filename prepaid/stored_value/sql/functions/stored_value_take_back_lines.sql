-- Takes cards of an order or import back that were not used: what was put on them goes back where it came from, by a void of
-- its posting, and the card is closed. A card that was used, replaced or closed since keeps everything; its line says 'used'.
-- p_base and p_type name the postings. p_frees gives the card's number and code up, so that it can come in again.
-- The ids of the voids follow from p_request's and the line: a repeat posts nothing. Minor units. Returns how many came back.
-- Locks the cards in the order of their ids, then their accounts in theirs.
create or replace function stored_value_take_back_lines(
    p_request ledger_request, p_bulk uuid, p_lines integer[], p_base uuid, p_type text, p_frees boolean,
    p_closes stored_value_card_change
) returns integer language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_line cards_bulkline;
    v_back integer := 0;
begin
    perform from cards_card as card
    where card.account_id = any (array(
        select line.account_id from cards_bulkline as line where line.bulk_id = p_bulk and line.line = any (p_lines)))
    order by card.id for update;
    perform from ledger_account as account
    where account.id = any (array(
        select line.account_id from cards_bulkline as line where line.bulk_id = p_bulk and line.line = any (p_lines)))
    order by account.id for update;
    for v_line in
        select * from cards_bulkline
        where bulk_id = p_bulk and line = any (p_lines) and outcome <> 'taken_back' and card_id is not null
        order by line
    loop
        v_back := v_back + stored_value_take_back_line(p_request, v_line, p_base, p_type, p_frees, p_closes)::int;
    end loop;
    return v_back;
end $$;
