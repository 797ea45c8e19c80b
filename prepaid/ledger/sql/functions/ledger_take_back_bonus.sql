-- Takes back the bonus of a load that is undone: cancels the parts that are not paid yet, and undoes the paid ones out of
-- their very lots, each by a transaction of type p_type. Minor units. The caller holds the account's row, gives it as it
-- stands and has made sure that the lots are whole. Returns the account after it.
create or replace function ledger_take_back_bonus(
    p_request ledger_request, p_type text, p_account ledger_account, p_load uuid
) returns ledger_account language plpgsql as $$
declare
    v_account ledger_account := p_account;
    v_after ledger_account;
    v_request ledger_request := p_request;
    v_paid record;
begin
    update ledger_bonus set resolution = 'cancelled', resolved_by = p_request.id
    where account_id = p_account.id and load_id = p_load and resolution is null;
    for v_paid in
        select bonus.number, bonus.id, bonus.amount, bonus.tender, bonus.source_account, lot.lot_no
        from ledger_bonus as bonus
        join ledger_transaction as posted on posted.account_id = bonus.account_id and posted.id = bonus.id and posted.type = 'bonus'
        join ledger_lot as lot on lot.account_id = posted.account_id and lot.position = posted.position
        where bonus.account_id = p_account.id and bonus.load_id = p_load and bonus.resolution = 'paid'
        order by bonus.number
    loop
        v_request.id := ledger_derived_id(p_request.id, v_paid.number::text);
        v_after := v_account;
        v_after.lots := ledger_take_from(v_account.lots, v_paid.lot_no, v_paid.amount);
        v_after.balance := v_account.balance - v_paid.amount;
        perform ledger_post(
            v_request, v_account, v_after, p_type, v_paid.amount, v_paid.id, 'bonus', v_paid.tender,
            array[row(v_paid.lot_no, v_account.id, v_paid.source_account, v_paid.amount)::ledger_leg]);
        select * into v_account from ledger_account where id = p_account.id;
    end loop;
    return v_account;
end $$;
