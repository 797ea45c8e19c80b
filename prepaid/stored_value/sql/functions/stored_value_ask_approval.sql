-- Writes down what a member of staff asks for, with whether it needs a second person as the program has it at this moment.
-- Asked again under its id it is the same row; with other content PC001. Minor units. Locks nothing.
-- Raises PC905 where the one who asks is no member of staff.
create or replace function stored_value_ask_approval(
    p_id uuid, p_kind text, p_amount bigint, p_currency text, p_card uuid, p_program uuid, p_store uuid, p_origin uuid,
    p_payload jsonb, p_reason text, p_transaction uuid, p_user bigint, p_at timestamptz, p_expires_at timestamptz
) returns setof ledger_approval
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_row ledger_approval;
begin
    insert into ledger_approval (
        id, kind, amount, currency, alone_max, second_needed, card_id, account_id, program_id, store_id, origin_id, payload,
        reason, transaction_id, asked_by, asked_by_user, asked_at, expires_at)
    select p_id, p_kind, p_amount, p_currency, need.alone_max, need.second_needed, p_card, card.account_id,
        coalesce(p_program, card.program_id), p_store, p_origin, p_payload, p_reason, p_transaction, staff.code, staff.user_id,
        p_at, p_expires_at
    from stores_staff as staff
    left join cards_card as card on card.id = p_card
    cross join lateral stored_value_second_needed(
        p_kind, p_amount, coalesce(p_program, card.program_id), staff.user_id) as need
    where staff.user_id = p_user
    on conflict (id) do nothing;
    select * into v_row from ledger_approval where id = p_id;
    if not found then
        raise exception 'who asks is no member of staff' using errcode = 'PC905';
    end if;
    if (v_row.kind, v_row.amount, v_row.payload, v_row.asked_by_user, v_row.reason)
        is distinct from (p_kind, p_amount::ledger_amount, p_payload, p_user, p_reason)
    then
        raise exception 'the id % was used with other content', p_id using errcode = 'PC001';
    end if;
    return next v_row;
end $$;
