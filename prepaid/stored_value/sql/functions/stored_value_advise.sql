-- Records a redeem or load that a terminal approved by itself, whatever the card says now: it is never declined. What the
-- account does not have is lent by p_lender, owed by the account, and recovered by what comes in later. A card that did
-- not prove itself is charged to p_unknown, an account of the store that no card presents.
-- p_other: the merchant's account of a redeem, the tender's of a load. p_on: the day it happened, on which lots had not
-- expired. The last five: the grant under which it was approved (null where none holds), its sums, and what was found
-- before. An original reversed before it came is answered `already_reversed` and moves nothing.
-- One call is one commit. Minor units. Locks the credential's row, the account's, then the counters' of its program. Raises as stored_value_redeem.
create or replace function stored_value_advise(
    p_request ledger_request, p_presented stored_value_presented, p_type text, p_amount bigint, p_currency text,
    p_other uuid, p_tender text, p_reference text, p_unknown uuid, p_lender uuid, p_on date,
    p_grant uuid, p_per_card bigint, p_per_terminal bigint, p_count bigint, p_findings text[]
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_looked record;
    v_card stored_value_card;
    v_account ledger_account;
    v_after ledger_account;
    v_taken record;
    v_used record;
    v_findings text[];
    v_covered bigint := p_amount;
    v_legs ledger_leg[] := '{}';
    v_expires_on date;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, p_type, p_amount, p_currency, null);
    if found then
        return;
    end if;
    v_looked := stored_value_look_at_advised(p_request, p_presented, p_currency, p_on);
    v_card := v_looked.card;
    v_findings := p_findings || v_looked.findings;
    if v_card.card_id is null then
        v_card.account_id := p_unknown;
        perform ledger_open_account(p_unknown, p_currency, p_request.recorded_at);
    end if;
    select * into v_account from ledger_account where id = v_card.account_id for update;
    if p_type = 'redeem' then
        select count(*) as count, coalesce(sum(amount), 0) as amount,
            coalesce(sum(amount) filter (where account_id = v_account.id and v_card.card_id is not null), 0) as of_card
        into v_used from ledger_advice
        where origin_id = p_request.origin_id and grant_id = p_grant and type = 'redeem';
        if v_used.count >= p_count or v_used.amount + p_amount > p_per_terminal or v_used.of_card + p_amount > p_per_card
            -- Above this the program takes nothing less than a challenge, which nobody can make offline.
            or p_amount > (v_card.program).challenge_above
        then
            v_findings := v_findings || 'over_grant'::text;
        end if;
        v_covered := least(p_amount, ledger_available(v_account, p_on));
        if v_covered > 0 then
            v_taken := ledger_take(
                v_account.lots, v_covered, p_on, v_account.id, p_other,
                coalesce((v_card.program).consumption_order = 'proportional', false));
            v_account.lots := v_taken.lots;
            v_legs := v_taken.legs;
        end if;
        v_after := v_account;
        if v_covered < p_amount then
            v_findings := v_findings || 'shortfall'::text;
            select * into v_account from ledger_account where id = v_account.id;
            v_account := ledger_lend(p_request, v_account, p_amount - v_covered, p_lender);
            v_legs := v_legs || row(v_account.lot_count, v_account.id, p_other, p_amount - v_covered)::ledger_leg;
            v_account.lots := v_after.lots;
            v_after := v_account;
        end if;
        v_after.balance := v_account.balance - p_amount;
    else
        v_expires_on := (p_request.business_date + make_interval(months => (v_card.program).value_valid_months))::date;
        v_after := v_account;
        v_after.lot_count := v_account.lot_count + 1;
        v_after.lots := ledger_put(
            v_account.lots, v_after.lot_count, false, p_amount, v_expires_on,
            coalesce((v_card.program).consumption_order <> 'paid_first', true));
        v_after.balance := v_account.balance + p_amount;
        v_legs := array[row(v_after.lot_count, p_other, v_account.id, p_amount)::ledger_leg];
        insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender, reference)
        values (v_account.id, v_after.lot_count, v_account.position + 1, false, p_amount, v_expires_on, p_tender, p_reference);
    end if;
    if v_card.card_id is not null then
        perform stored_value_count_anyway(
            p_request, v_card, p_presented, null, v_account, case p_type when 'load' then p_amount else 0 end,
            case p_type when 'redeem' then p_amount else 0 end);
    end if;
    v_hash := ledger_post(p_request, v_account, v_after, p_type, p_amount, null, null, p_tender, v_legs);
    insert into ledger_advice (
        id, origin_id, store_id, account_id, type, amount, currency, shortfall, grant_id, findings, reason, presented_id,
        occurred_at, recorded_at)
    values (
        p_request.id, p_request.origin_id, p_request.store_id, v_account.id, p_type, p_amount, p_currency,
        p_amount - v_covered, p_grant, v_findings, v_looked.reason, v_card.card_id, p_request.occurred_at, p_request.recorded_at);
    if p_type = 'load' then
        v_after := ledger_recover(p_request, v_after);
    end if;
    -- A balance is told only of a card that proved itself.
    return next stored_value_reply_with(
        p_request, p_type, null, p_amount, p_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date),
        v_account.position + 1, v_card, null, v_hash);
end $$;
