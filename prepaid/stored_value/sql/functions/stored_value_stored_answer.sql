-- Gives the stored answer to a transaction's id; no row where it was never seen, or only a tombstone stands for it.
create or replace function stored_value_stored_answer(p_id uuid) returns setof stored_value_reply
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select answer.id, answer.type, answer.outcome, answer.reason, answer.approved_amount, answer.currency, answer.balance,
        answer.available, card.last_four::text, program.code::text, answer.original_id, answer.recorded_at, answer.hash, true,
        answer.origin_id, answer.sequence, card.id,
        case when answer.hash is not null and answer.type in ('void', 'reversal') then original.type end
    from ledger_answer as answer
    left join cards_card as card on card.id = answer.presented_id
        and (answer.reason is null or answer.reason not in ('card_unknown', 'credential_refused', 'credential_replayed'))
    left join cards_program as program on program.id = card.program_id
    left join ledger_answer as original on original.id = answer.original_id
    where answer.id = p_id and answer.digest is not null
$$;
