-- Gives an account with its day's and month's counters as they stand after a posting; the posting's own lots are made
-- already. A load counts what was paid, not its bonus. What is undone or refunded is given back where its day or
-- month is still the counters' own. Minor units. Called by ledger_post alone, so that no posting can forget it.
create or replace function ledger_count_posting(
    p_account ledger_account, p_business_date date, p_type text, p_amount bigint, p_original uuid, p_undoes text
) returns ledger_account language plpgsql as $$
declare
    v_after ledger_account := ledger_begin_day(p_account, p_business_date);
    v_root ledger_transaction;
    v_position bigint := p_account.position + 1;
    v_counted bigint;
begin
    if p_type in ('redeem', 'capture') then
        v_after.redeemed_today := v_after.redeemed_today + p_amount;
        v_after.redeemed_month := v_after.redeemed_month + p_amount;
        return v_after;
    elsif p_type <> 'load' and coalesce(p_undoes, '') not in ('load', 'redeem', 'capture', 'refund') then
        return v_after;
    end if;
    if p_type <> 'load' then
        v_root := ledger_find_posted(p_account.id, p_original);
        if p_undoes = 'refund' then
            v_root := ledger_find_posted(p_account.id, v_root.original_id);
        end if;
        v_position := v_root.position;
    end if;
    if p_type = 'load' or p_undoes = 'load' then
        select coalesce(sum(amount), 0) into v_counted
        from ledger_lot where account_id = p_account.id and position = v_position and not bonus;
        if p_type = 'load' and v_counted > 0 then
            v_after.loads_today := v_after.loads_today + 1;
            v_after.loaded_today := v_after.loaded_today + v_counted;
            v_after.loaded_month := v_after.loaded_month + v_counted;
        elsif p_type <> 'load' and v_counted > 0 then
            if v_root.business_date = v_after.counted_on then
                v_after.loads_today := v_after.loads_today - 1;
                v_after.loaded_today := v_after.loaded_today - v_counted;
            end if;
            if date_trunc('month', v_root.business_date::timestamp) = date_trunc('month', v_after.counted_on::timestamp) then
                v_after.loaded_month := v_after.loaded_month - v_counted;
            end if;
        end if;
    else
        v_counted := case when p_undoes = 'refund' then p_amount else -p_amount end;
        if v_root.business_date = v_after.counted_on then
            v_after.redeemed_today := v_after.redeemed_today + v_counted;
        end if;
        if date_trunc('month', v_root.business_date::timestamp) = date_trunc('month', v_after.counted_on::timestamp) then
            v_after.redeemed_month := v_after.redeemed_month + v_counted;
        end if;
    end if;
    return v_after;
end $$;
