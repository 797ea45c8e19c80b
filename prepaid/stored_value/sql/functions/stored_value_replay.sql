-- Looks whether a request's id was answered before: its stored answer where the content is the same, completing a
-- tombstone on the way; no row where it is new. Raises PC001 (id_reused) where the content is another.
create or replace function stored_value_replay(
    p_request ledger_request, p_type text, p_requested bigint, p_currency text, p_original uuid
) returns setof stored_value_reply language plpgsql as $$
declare
    v_digest bytea;
    v_reply stored_value_reply;
    v_late boolean := false;
begin
    select digest into v_digest from ledger_answer where id = p_request.id;
    if not found then
        return;
    end if;
    if v_digest is null then
        update ledger_answer
        set digest = p_request.digest, sequence = p_request.sequence, type = p_type, requested_amount = p_requested,
            currency = p_currency, original_id = p_original, operator = p_request.operator, note = p_request.note
        where id = p_request.id and digest is null and origin_id = p_request.origin_id
        returning digest into v_digest;
        v_late := found;
        if not v_late then
            -- The same late original came twice at once, or this is another's: what stands there now decides.
            select digest into v_digest from ledger_answer where id = p_request.id;
        end if;
    end if;
    if v_digest is distinct from p_request.digest then
        raise exception 'the id % was used with other content', p_request.id using errcode = 'PC001';
    end if;
    select * into v_reply from stored_value_stored_answer(p_request.id);
    v_reply.replayed := not v_late;
    return next v_reply;
end $$;
