-- Stores a decline that was decided before the database: an operation that this version does not offer, or an original
-- of the wrong kind. Locks nothing.
create or replace function stored_value_decline(
    p_request ledger_request, p_type text, p_presented stored_value_presented, p_reason text, p_amount bigint,
    p_currency text, p_original uuid
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card;
    v_reason text := p_reason;
begin
    return query select * from stored_value_replay(p_request, p_type, p_amount, p_currency, p_original);
    if found then
        return;
    end if;
    if p_presented.method is not null then
        v_card := stored_value_find_card(p_presented, p_request.origin_id, p_request.recorded_at);
        v_reason := coalesce(
            stored_value_refuse_card(v_card, p_presented, p_request.store_id, p_request.business_date, p_currency), p_reason);
    end if;
    return next stored_value_reply_with(
        p_request, p_type, v_reason, p_amount, 0, p_currency, null, null, null, v_card, p_original, null);
end $$;
