-- Gives an account as it stands after undoing one of its transactions: lots, balance, held and the day's counters.
create or replace function stored_value_account_after_undo(
    p_account ledger_account, p_transaction ledger_transaction, p_lots ledger_open_lot[]
) returns ledger_account language plpgsql immutable as $$
declare
    v_after ledger_account := p_account;
    v_same_day boolean := p_transaction.business_date = p_account.counted_on;
begin
    v_after.lots := p_lots;
    case
        when p_transaction.type = 'hold' then
            v_after.held := p_account.held - p_transaction.amount;
        when p_transaction.type in ('redeem', 'capture') then
            v_after.balance := p_account.balance + p_transaction.amount;
            if v_same_day then
                v_after.redeemed_today := p_account.redeemed_today - p_transaction.amount;
            end if;
        else
            v_after.balance := p_account.balance - p_transaction.amount;
            if v_same_day and p_transaction.type = 'load' then
                v_after.loaded_today := p_account.loaded_today - p_transaction.amount;
            end if;
    end case;
    return v_after;
end $$;
