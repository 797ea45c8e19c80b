-- Stores the decline of a capture, release or refund. The card is told only where the original belongs to the store.
create or replace function stored_value_decline_original(
    p_request ledger_request, p_type text, p_reason text, p_amount bigint, p_currency text,
    p_card stored_value_card, p_original uuid
) returns stored_value_reply language plpgsql as $$
declare
    v_nobody stored_value_card;
begin
    return stored_value_reply_with(
        p_request, p_type, p_reason, p_amount, 0, p_currency, null, null, null,
        case when p_reason = 'original_unknown' then v_nobody else p_card end, p_original, null);
end $$;
