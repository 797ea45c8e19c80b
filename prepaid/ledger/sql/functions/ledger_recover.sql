-- Takes what an account owes for shortfalls out of what it has available, oldest shortfall first, and gives the account
-- as it stands then; the account as passed in where it owes nothing or has nothing. A transaction `recovery` under an id
-- that follows from the request's, with its answer. Minor units. The caller holds the account's row and has posted
-- p_request; p_account is what it posted.
create or replace function ledger_recover(p_request ledger_request, p_account ledger_account) returns ledger_account
language plpgsql as $$
declare
    v_request ledger_request := p_request;
    v_before ledger_account;
    v_after ledger_account;
    v_shortfall ledger_shortfall;
    v_taken record;
    v_legs ledger_leg[] := '{}';
    v_part bigint;
    v_amount bigint;
    v_left bigint;
    v_hash bytea;
begin
    if p_account.shortfall = 0 then
        return p_account;
    end if;
    v_amount := least(p_account.shortfall, ledger_available(p_account, p_request.business_date));
    if v_amount <= 0 then
        return p_account;
    end if;
    v_left := v_amount;
    select * into v_before from ledger_account where id = p_account.id;
    v_after := v_before;
    -- What was lent itself goes back first: an undo has put it there again.
    select array_agg(row(open.lot_no, open.bonus, open.remaining, open.expires_on)::ledger_open_lot
                     order by made.tender <> 'shortfall', open.place) into v_after.lots
    from unnest(v_before.lots) with ordinality as open (lot_no, bonus, remaining, expires_on, place)
    join ledger_lot as made on made.account_id = v_before.id and made.lot_no = open.lot_no;
    for v_shortfall in
        select * from ledger_shortfall where account_id = v_before.id and recovered < amount order by position for update
    loop
        v_part := least(v_left, v_shortfall.amount - v_shortfall.recovered);
        exit when v_part = 0;
        v_taken := ledger_take(
            v_after.lots, v_part, p_request.business_date, v_before.id, v_shortfall.general_account, false);
        v_after.lots := v_taken.lots;
        v_legs := v_legs || v_taken.legs;
        v_left := v_left - v_part;
        update ledger_shortfall set recovered = recovered + v_part
        where account_id = v_before.id and id = v_shortfall.id;
    end loop;
    select coalesce(array_agg(row(open.lot_no, open.bonus, open.remaining, open.expires_on)::ledger_open_lot
                              order by before.place), '{}') into v_after.lots
    from unnest(v_after.lots) as open
    join unnest(v_before.lots) with ordinality as before (lot_no, bonus, remaining, expires_on, place)
        on before.lot_no = open.lot_no;
    v_after.balance := v_before.balance - v_amount;
    v_request.id := ledger_derived_id(p_request.id, 'recovery');
    v_hash := ledger_post(v_request, v_before, v_after, 'recovery', v_amount, p_request.id, null, null, v_legs);
    update ledger_account set shortfall = shortfall - v_amount where id = v_before.id returning * into v_after;
    perform ledger_answer_follow_up(v_request, 'recovery', v_amount, v_after, p_request.id, v_hash);
    return v_after;
end $$;
