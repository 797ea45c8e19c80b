-- Stores an answer and gives it back as it goes out; p_undoes is the type of what an undo undid. Minor units.
-- Where the card did not prove itself, which card it was is kept, and not told.
create or replace function stored_value_reply_with(
    p_request ledger_request, p_type text, p_reason text, p_requested bigint, p_approved bigint, p_currency text,
    p_balance bigint, p_available bigint, p_position bigint, p_card stored_value_card, p_original uuid, p_hash bytea,
    p_undoes text default null
) returns stored_value_reply language plpgsql as $$
begin
    insert into ledger_answer (
        id, digest, origin_id, sequence, type, outcome, reason, requested_amount, approved_amount, currency, balance,
        available, account_id, position, presented_id, original_id, operator, note, recorded_at, hash)
    values (
        p_request.id, p_request.digest, p_request.origin_id, p_request.sequence, p_type,
        case when p_reason is null then 'approved' else 'declined' end, p_reason, p_requested, p_approved, p_currency,
        p_balance, p_available, p_card.account_id, p_position, p_card.card_id, p_original, p_request.operator, p_request.note,
        p_request.recorded_at, p_hash);
    if p_reason in ('card_unknown', 'credential_refused', 'credential_replayed') then
        p_card := null;
    end if;
    return row(
        p_request.id, p_type, case when p_reason is null then 'approved' else 'declined' end, p_reason, p_approved, p_currency,
        p_balance, p_available, p_card.last_four, (p_card.program).code, p_original, p_request.recorded_at, p_hash, false,
        p_request.origin_id, p_request.sequence, p_card.card_id, p_undoes)::stored_value_reply;
end $$;
