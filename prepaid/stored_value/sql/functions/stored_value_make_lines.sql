-- Makes the cards of an order's or import's lines p_from to p_to that have none yet: holder where one is named, account,
-- card (issued, without value), the credentials that the program allows, and the event. Ids follow from p_bulk and the line,
-- so that a repeat makes nothing. p_holder holds all of an order's accounts, or is null. Returns how many were made.
-- Locks nothing that stood before. Raises unique_violation where a number or code is another card's; then nothing is made.
create or replace function stored_value_make_lines(
    p_bulk uuid, p_from integer, p_to integer, p_program uuid, p_holder uuid, p_store uuid, p_actor text, p_at timestamptz,
    p_expires_on date
) returns integer language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_program cards_program;
    v_count integer;
begin
    select * into strict v_program from cards_program where id = p_program;
    insert into cards_holder (
        id, name, phone, email, kind, id_document, id_number_tail, agent_name, agent_phone, identified_by)
    select distinct on (2, 3) md5(p_bulk::text || chr(10) || line.holder_name || chr(10) || line.holder_phone)::uuid,
        line.holder_name, line.holder_phone, '', 'person', '', '', '', '', ''
    from cards_bulkline as line
    where line.bulk_id = p_bulk and line.line between p_from and p_to and line.card_id is null and line.outcome = ''
        and line.holder_name <> ''
    on conflict (id) do nothing;
    with line as materialized (
        update cards_bulkline as line
        set card_id = stored_value_line_id(p_bulk, line.line, 'card'),
            account_id = stored_value_line_id(p_bulk, line.line, 'account')
        where line.bulk_id = p_bulk and line.line between p_from and p_to and line.card_id is null and line.outcome = ''
        returning line.*
    ), opened as (
        insert into ledger_account (id, currency, opened_at)
        select line.account_id, v_program.currency, p_at from line
    ), held as (
        insert into cards_account (id, program_id, holder_id, tier, opened_at)
        select line.account_id, p_program, case when line.holder_name <> ''
            then md5(p_bulk::text || chr(10) || line.holder_name || chr(10) || line.holder_phone)::uuid else p_holder end, '', p_at
        from line
    ), carded as (
        insert into cards_card (id, account_id, program_id, last_four, state, expires_on, issued_at, issued_store_id)
        select line.card_id, line.account_id, p_program, line.last_four, 'issued', p_expires_on, p_at, p_store from line
    ), proved as (
        insert into cards_credential (
            id, card_id, method, lookup, fingerprint, counter, key_version, pin_mac, pin_failures, pin_tries_max)
        select stored_value_line_id(p_bulk, line.line, proof.method), line.card_id, proof.method, proof.lookup, proof.fingerprint, -1, 0,
            proof.pin_mac, 0, 5
        from line
        cross join lateral (values
            ('number', line.number_lookup, line.number_fingerprint, line.pin_mac),
            ('qr', line.qr_lookup, line.qr_fingerprint, null)) as proof (method, lookup, fingerprint, pin_mac)
        where proof.lookup is not null and proof.method = any (v_program.allowed_credentials)
    ), told as (
        insert into cards_cardevent (id, card_id, change, from_state, to_state, reason, actor, at)
        select stored_value_line_id(p_bulk, line.line, 'issue'), line.card_id, 'issue', '', 'issued', '', p_actor, p_at from line
    )
    select count(*) into v_count from line;
    if p_from = 1 then
        -- Whatever this session does next with so many new cards is planned for tables of their size.
        analyze (skip_locked) cards_bulkline, cards_account, cards_card, cards_credential, ledger_account;
    end if;
    return v_count;
end $$;
