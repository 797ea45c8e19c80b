-- Gives an account as it stands after undoing one of its transactions: lots, balance and the day's counters.
create or replace function stored_value_account_after_undo(
    p_account ledger_account, p_transaction ledger_transaction, p_lots ledger_open_lot[]
) returns ledger_account language plpgsql immutable as $$
declare
    v_after ledger_account := p_account;
begin
    v_after.lots := p_lots;
    if p_transaction.type = 'redeem' then
        v_after.balance := p_account.balance + p_transaction.amount;
        if p_transaction.business_date = p_account.counted_on then
            v_after.redeemed_today := p_account.redeemed_today - p_transaction.amount;
        end if;
    else
        v_after.balance := p_account.balance - p_transaction.amount;
        if p_transaction.business_date = p_account.counted_on then
            v_after.loaded_today := p_account.loaded_today - p_transaction.amount;
        end if;
    end if;
    return v_after;
end $$;
