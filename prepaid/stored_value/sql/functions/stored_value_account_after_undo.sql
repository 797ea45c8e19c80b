-- Gives an account as it stands after undoing one of its transactions: lots, balance and held. Counters are the posting's.
create or replace function stored_value_account_after_undo(
    p_account ledger_account, p_transaction ledger_transaction, p_lots ledger_open_lot[]
) returns ledger_account language plpgsql immutable as $$
declare
    v_after ledger_account := p_account;
begin
    v_after.lots := p_lots;
    case
        when p_transaction.type = 'hold' then
            v_after.held := p_account.held - p_transaction.amount;
        when p_transaction.type in ('redeem', 'capture') then
            v_after.balance := p_account.balance + p_transaction.amount;
        else
            v_after.balance := p_account.balance - p_transaction.amount;
    end case;
    return v_after;
end $$;
