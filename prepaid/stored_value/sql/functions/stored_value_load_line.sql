-- Activates one card of an order that waits for it and loads it as any card is loaded; a refused card is as it was before.
-- Minor units. The caller holds the card and all accounts of its lines; locks what stored_value_load locks.
create or replace function stored_value_load_line(
    p_request ledger_request, p_line cards_bulkline, p_program cards_program, p_tender text, p_reference text,
    p_source uuid, p_price_currency text
) returns void language plpgsql as $$
declare
    v_request ledger_request := p_request;
    v_reply stored_value_reply;
    v_waits boolean;
begin
    v_request.id := stored_value_line_id(p_request.id, p_line.line, 'load');
    v_request.digest := sha256(p_request.digest || int4send(p_line.line));
    update cards_card set state = 'active' where id = p_line.card_id and state = 'issued';
    v_waits := found;
    select * into v_reply from stored_value_load(
        v_request, row('desk', null, null, null, null, p_line.card_id)::stored_value_presented, p_line.paid_minor,
        p_program.currency, p_tender, p_reference, p_source, null, null, p_price_currency);
    if v_waits and v_reply.outcome = 'approved' then
        insert into cards_cardevent (id, card_id, change, from_state, to_state, reason, actor, at, transaction_id)
        values (stored_value_line_id(p_request.id, p_line.line, 'activate'), p_line.card_id, 'activate', 'issued', 'active', '',
                p_request.operator, p_request.recorded_at, v_request.id);
    elsif v_waits then
        update cards_card set state = 'issued' where id = p_line.card_id;
    end if;
    update cards_bulkline set outcome = coalesce(v_reply.reason, 'loaded')
    where bulk_id = p_line.bulk_id and line = p_line.line;
end $$;
