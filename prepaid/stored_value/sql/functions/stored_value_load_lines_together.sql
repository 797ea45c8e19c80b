-- Posts the first value of many decided lines, stores each answer, declines among them, and activates the cards; a line that
-- puts nothing on activates its card alone. p_reasons stands beside p_lines: null where the line is good. Minor units.
-- The caller holds cards and accounts, and has decided.
create or replace function stored_value_load_lines_together(
    p_request ledger_request, p_bulk uuid, p_lines integer[], p_reasons text[], p_type text, p_program cards_program,
    p_tender text, p_reference text, p_source uuid, p_promotion uuid, p_price_currency text
) returns void language plpgsql as $$
declare
    v_from_day date := (p_request.business_date + make_interval(months => p_program.value_valid_months))::date;
begin
    with decided as materialized (
        select line.*, decided.reason, line.paid_minor + line.bonus_minor as amount,
            stored_value_line_id(p_request.id, line.line, p_type) as transaction_id
        from unnest(p_lines, p_reasons) as decided (line, reason)
        join cards_bulkline as line on line.bulk_id = p_bulk and line.line = decided.line
    ), posted as materialized (
        select posted.*
        from ledger_post_first(
            p_request, p_type, p_program.currency, p_tender, p_reference, 'migration', p_source, p_promotion,
            p_program.consumption_order <> 'paid_first', p_program.unit_price, p_price_currency,
            array(
                select row(decided.account_id, decided.transaction_id, decided.paid_minor, decided.bonus_minor,
                    case p_type when 'load' then v_from_day else decided.expires_on end)::ledger_opening
                from decided where decided.reason is null order by decided.line)) as posted
    ), answered as (
        insert into ledger_answer (
            id, digest, origin_id, sequence, type, outcome, reason, requested_amount, approved_amount, currency, balance,
            available, account_id, position, presented_id, operator, note, recorded_at, hash)
        select decided.transaction_id, sha256(p_request.digest || int4send(decided.line)), p_request.origin_id, null, p_type,
            case when decided.reason is null then 'approved' else 'declined' end, decided.reason, decided.amount,
            coalesce(posted.amount, 0), p_program.currency, posted.amount, posted.amount, decided.account_id,
            case when posted.id is not null then 1 end, decided.card_id, p_request.operator, p_request.note,
            p_request.recorded_at, posted.hash
        from decided left join posted on posted.id = decided.transaction_id
        where posted.id is not null or decided.reason is not null
    ), moved as (
        update cards_card as card set state = decided.card_state
        from decided
        where card.id = decided.card_id and decided.reason is null and decided.card_state <> 'issued'
    ), told as (
        insert into cards_cardevent (id, card_id, change, from_state, to_state, reason, actor, at, transaction_id)
        select stored_value_line_id(p_request.id, decided.line, change.change), decided.card_id, change.change, change.before,
            change.after, '', p_request.operator, p_request.recorded_at + change.later, decided.transaction_id
        from decided
        cross join lateral (values
            ('activate', 'issued', 'active', interval '0'), ('block', 'active', 'blocked', interval '1 microsecond'))
            as change (change, before, after, later)
        where decided.reason is null and decided.card_state <> 'issued'
            and (change.change = 'activate' or decided.card_state = 'blocked')
    )
    update cards_bulkline as line set outcome = coalesce(decided.reason, 'loaded')
    from decided
    where line.bulk_id = p_bulk and line.line = decided.line
        and (decided.reason is not null or decided.amount = 0 or exists (
            select from posted where posted.id = decided.transaction_id));
    -- Whoever was approved and has value to get was posted, or nothing of this stands.
    if exists (select from cards_bulkline as line where line.bulk_id = p_bulk and line.line = any (p_lines) and line.outcome = '') then
        raise exception 'a line of % was approved and not posted', p_bulk;
    end if;
end $$;
