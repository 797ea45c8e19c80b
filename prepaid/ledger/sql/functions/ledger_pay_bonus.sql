-- Pays one part of a bonus: a lot of its own and a transaction of type 'bonus' under the part's own id. Minor units.
-- The caller holds the account's row and gives it as it stands. Returns the account after it, or null where the part was
-- paid or cancelled before: nothing is written then.
create or replace function ledger_pay_bonus(
    p_request ledger_request, p_account ledger_account, p_bonus ledger_bonus, p_bonus_first boolean
) returns ledger_account language plpgsql as $$
declare
    v_request ledger_request := p_request;
    v_after ledger_account := p_account;
    v_expires_on date := p_request.business_date + p_bonus.valid_days;
begin
    update ledger_bonus set resolution = 'paid', resolved_by = id
    where account_id = p_bonus.account_id and load_id = p_bonus.load_id and number = p_bonus.number and resolution is null;
    if not found then
        return null;
    end if;
    v_request.id := p_bonus.id;
    v_after.lot_count := p_account.lot_count + 1;
    v_after.lots := ledger_put(p_account.lots, v_after.lot_count, true, p_bonus.amount, v_expires_on, p_bonus_first);
    v_after.balance := p_account.balance + p_bonus.amount;
    insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender, campaign)
    values (p_account.id, v_after.lot_count, p_account.position + 1, true, p_bonus.amount, v_expires_on, p_bonus.tender,
            p_bonus.campaign);
    if ledger_post(
        v_request, p_account, v_after, 'bonus', p_bonus.amount, p_bonus.load_id, null, p_bonus.tender,
        array[row(v_after.lot_count, p_bonus.source_account, p_account.id, p_bonus.amount)::ledger_leg]) is null
    then
        raise exception 'a bonus is paid to an account that is not held' using errcode = 'PC903';
    end if;
    select * into v_after from ledger_account where id = p_account.id;
    return v_after;
end $$;
