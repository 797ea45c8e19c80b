-- Nothing but the rows that a redeem leaves: no idempotency, state, limits, PIN, hash or choice of lots.
-- What the site's redeem could at best come down to while it keeps these tables.
create or replace function stored_value_redeem(
    p_request ledger_request, p_presented stored_value_presented, p_amount bigint, p_currency text, p_partial boolean,
    p_merchant uuid
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_account ledger_account;
begin
    update cards_credential set counter = p_presented.counter
    where method = 'sun' and lookup = p_presented.lookup and counter < p_presented.counter;
    update ledger_account
    set balance = balance - p_amount, lots[1].remaining = lots[1].remaining - p_amount, position = position + 1
    where balance >= p_amount and id = (
        select card.account_id from cards_card as card join cards_credential as credential on credential.card_id = card.id
        where credential.method = 'sun' and credential.lookup = p_presented.lookup)
    returning * into v_account;
    insert into ledger_transaction (
        account_id, position, id, type, amount, balance_after, held_after, origin_id, store_id, business_date, occurred_at,
        recorded_at, operator, hash)
    values (
        v_account.id, v_account.position, p_request.id, 'redeem', p_amount, v_account.balance, v_account.held,
        p_request.origin_id, p_request.store_id, p_request.business_date, p_request.occurred_at, p_request.recorded_at,
        p_request.operator, v_account.hash);
    insert into ledger_transfer (account_id, position, leg, lot_no, debit_account, credit_account, amount)
    values (v_account.id, v_account.position, 1, 1, v_account.id, p_merchant, p_amount);
    insert into ledger_outbox (account_id, position, business_date, store_id, type, undoes, tender, currency, amount)
    values (v_account.id, v_account.position, p_request.business_date, p_request.store_id, 'redeem', '', '',
            v_account.currency, p_amount);
    insert into ledger_answer (
        id, digest, origin_id, sequence, type, outcome, requested_amount, approved_amount, currency, balance, available,
        account_id, position, operator, note, recorded_at, hash)
    values (
        p_request.id, p_request.digest, p_request.origin_id, p_request.sequence, 'redeem', 'approved', p_amount, p_amount,
        p_currency, v_account.balance, v_account.balance, v_account.id, v_account.position, p_request.operator,
        p_request.note, p_request.recorded_at, v_account.hash);
    return next row(
        p_request.id, 'redeem', 'approved', null, p_amount, p_currency, v_account.balance, v_account.balance, null, null,
        null, p_request.recorded_at, v_account.hash, false, p_request.origin_id, p_request.sequence,
        null, null)::stored_value_reply;
end $$;
