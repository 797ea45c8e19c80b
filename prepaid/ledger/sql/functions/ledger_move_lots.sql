-- Posts a move: p_legs leave one account into p_transit and come into the other one as new lots, each as it was.
-- Two chain entries under one id. p_before and p_after are the account that gives, p_to the one that takes; the caller
-- holds both, locked in the order of their ids. Minor units. Returns the new hash of the chain that gives.
create or replace function ledger_move_lots(
    p_request ledger_request, p_before ledger_account, p_after ledger_account, p_to ledger_account,
    p_legs ledger_leg[], p_transit uuid, p_bonus_first boolean
) returns bytea language plpgsql as $$
declare
    v_leg ledger_leg;
    v_amount bigint := p_before.balance - p_after.balance;
    v_to ledger_account := p_to;
    v_legs ledger_leg[] := '{}';
    v_hash bytea;
begin
    foreach v_leg in array p_legs loop
        v_to := ledger_open_lot_from(
            v_to, p_before.id, v_leg.lot_no, v_leg.amount,
            (select lot.expires_on from ledger_lot as lot where lot.account_id = p_before.id and lot.lot_no = v_leg.lot_no),
            p_bonus_first);
        v_legs := v_legs || row(v_to.lot_count, p_transit, p_to.id, v_leg.amount)::ledger_leg;
    end loop;
    if v_to.balance - p_to.balance <> v_amount then
        raise exception 'a move gives % minor units and takes %', v_amount, v_to.balance - p_to.balance using errcode = 'PC903';
    end if;
    v_hash := ledger_post(p_request, p_before, p_after, 'move_out', v_amount, null, null, null, p_legs);
    if v_hash is null or ledger_post(p_request, p_to, v_to, 'move_in', v_amount, null, null, null, v_legs) is null then
        raise exception 'a move posts to accounts that are not locked' using errcode = 'PC903';
    end if;
    insert into ledger_move (id, from_account, from_position, to_account, to_position, amount)
    values (p_request.id, p_before.id, p_before.position + 1, p_to.id, p_to.position + 1, v_amount);
    return v_hash;
end $$;
