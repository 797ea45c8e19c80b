-- Makes a new lot of an account out of another lot, as bonus, tender, reference and campaign as that one was, and puts
-- it among the open lots; the account comes back with it. Minor units. The caller holds the account and posts.
create or replace function ledger_open_lot_from(
    p_account ledger_account, p_from_account uuid, p_from_lot_no integer, p_amount bigint, p_expires_on date,
    p_bonus_first boolean
) returns ledger_account language plpgsql as $$
declare
    v_after ledger_account := p_account;
    v_source ledger_lot;
begin
    select * into strict v_source from ledger_lot where account_id = p_from_account and lot_no = p_from_lot_no;
    v_after.lot_count := p_account.lot_count + 1;
    insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender, reference, campaign)
    values (p_account.id, v_after.lot_count, p_account.position + 1, v_source.bonus, p_amount, p_expires_on,
            v_source.tender, v_source.reference, v_source.campaign);
    insert into ledger_lot_source (account_id, lot_no, from_account, from_lot_no)
    values (p_account.id, v_after.lot_count, p_from_account, p_from_lot_no);
    v_after.lots := ledger_put(p_account.lots, v_after.lot_count, v_source.bonus, p_amount, p_expires_on, p_bonus_first);
    v_after.balance := p_account.balance + p_amount;
    return v_after;
end $$;
