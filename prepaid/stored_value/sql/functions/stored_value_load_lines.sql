-- Activates the cards of lines p_from to p_to that have no outcome yet and puts their value on, with the stored answer of each:
-- p_type 'load' against a tender, with the limits of any load, or 'import' of paid and bonus value out of another system,
-- which only the balance limits. The id of a line's posting follows from p_request's and the line: a repeat posts nothing.
-- Cards that wait for their first load are posted together; where a rule set or a counter beside the account decides, an
-- offer gives a bonus, or value came before, stored_value_load posts them one by one. A refused card stays as it was; its line says why.
-- Minor units. Returns how many lines are done, and how many of them were refused.
-- Locks the cards in the order of their ids, then their accounts in theirs, then what stored_value_load locks.
create or replace function stored_value_load_lines(
    p_request ledger_request, p_bulk uuid, p_from integer, p_to integer, p_type text, p_program uuid, p_tender text,
    p_reference text, p_source uuid, p_promotion uuid, p_price_currency text, out done integer, out refused integer
) language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    c_desk constant stored_value_presented := row('desk', null, null, null, null, null);
    v_program cards_program;
    v_card stored_value_card;
    v_singly boolean;
    v_lines integer[];
    v_reasons text[];
    v_single integer[];
    v_line cards_bulkline;
    v_balance_max bigint;
begin
    select * into strict v_program from cards_program where id = p_program;
    v_card.program := v_program;
    v_singly := v_program.rule_set_id is not null or stored_value_is_counted(v_card, null)
        or exists (select from cards_offer as offer where offer.program_id = p_program and offer.ended_at is null);
    v_balance_max := least(v_program.balance_max, (
        select (rule.value #>> '{}')::bigint from stored_value_rules(v_program.rule_set_id, p_request.business_date) as rule
        where rule.field = 'max_balance'));
    perform from cards_card as card
    where card.id = any (array(
        select line.card_id from cards_bulkline as line
        where line.bulk_id = p_bulk and line.line between p_from and p_to and line.outcome = ''))
    order by card.id for update;
    perform from ledger_account as account
    where account.id = any (array(
        select line.account_id from cards_bulkline as line
        where line.bulk_id = p_bulk and line.line between p_from and p_to and line.outcome = ''))
    order by account.id for update;
    select array_agg(decided.line order by decided.line) filter (where not decided.singly),
        array_agg(decided.reason order by decided.line) filter (where not decided.singly),
        array_agg(decided.line order by decided.line) filter (where decided.singly),
        count(*)
    into v_lines, v_reasons, v_single, done
    from (
        select line.line,
            p_type = 'load' and card.state in ('issued', 'active') and (
                account.position > 0 or card.state = 'active' or v_singly) as singly,
            coalesce(
                stored_value_refuse_card(
                    row(card.id, card.account_id, card.last_four, case card.state when 'issued' then 'active' else card.state end,
                        card.expires_on, null, null, v_program, null)::stored_value_card,
                    c_desk, p_request.store_id, p_request.business_date, v_program.currency),
                case
                    when p_type = 'load' then stored_value_refuse_load(
                        p_request, v_card, account, line.paid_minor, v_program.currency, p_tender, null, 0)
                    when line.paid_minor + line.bonus_minor > v_balance_max then 'limit_balance'
                end) as reason
        from cards_bulkline as line
        join cards_card as card on card.id = line.card_id
        join ledger_account as account on account.id = line.account_id
        where line.bulk_id = p_bulk and line.line between p_from and p_to and line.outcome = ''
    ) as decided;
    perform stored_value_load_lines_together(
        p_request, p_bulk, v_lines, v_reasons, p_type, v_program, p_tender, p_reference, p_source, p_promotion,
        p_price_currency);
    for v_line in
        select * from cards_bulkline where bulk_id = p_bulk and line = any (v_single) order by line
    loop
        perform stored_value_load_line(p_request, v_line, v_program, p_tender, p_reference, p_source, p_price_currency);
    end loop;
    select count(*) filter (where line.outcome <> 'loaded') into refused
    from cards_bulkline as line
    where line.bulk_id = p_bulk and line.line = any (v_lines || v_single);
    if p_from = 1 then
        -- As in stored_value_make_lines: the audit of that night looks at every one of them.
        analyze (skip_locked) cards_card, ledger_account, ledger_answer, ledger_lot, ledger_transaction, ledger_transfer;
    end if;
end $$;
