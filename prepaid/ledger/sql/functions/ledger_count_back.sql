-- Gives back to the counters what a posting undoes of its original: to the very subjects that counted it, for the day and
-- month that it was counted for. A hold is counted as if spent; its capture counts the difference. Minor units.
-- Locks the counters' rows, in the order of their kinds; the caller holds the account's. Called by ledger_post alone.
create or replace function ledger_count_back(
    p_account uuid, p_position bigint, p_type text, p_amount bigint, p_original uuid, p_undoes text
) returns void language plpgsql as $$
declare
    v_original ledger_transaction;
    v_was ledger_counted;
    v_loads smallint;
    v_loaded bigint;
    v_redeemed bigint;
begin
    if p_type not in ('capture', 'release', 'refund', 'void', 'reversal') then
        return;
    end if;
    v_original := ledger_find_posted(p_account, p_original);
    for v_was in
        select * from ledger_counted where account_id = p_account and position = v_original.position order by kind
    loop
        v_loads := case when p_undoes = 'load' then -v_was.loads else 0 end;
        v_loaded := case when p_undoes = 'load' then -v_was.loaded else 0 end;
        v_redeemed := case
            when p_undoes = 'load' then 0
            when p_type = 'capture' then p_amount - v_original.amount
            when p_undoes = 'refund' then p_amount
            else -p_amount
        end;
        update ledger_counter
        set loads_today = loads_today + case when counted_on = v_was.counted_on then v_loads else 0 end,
            loaded_today = loaded_today + case when counted_on = v_was.counted_on then v_loaded else 0 end,
            redeemed_today = redeemed_today + case when counted_on = v_was.counted_on then v_redeemed else 0 end,
            loaded_month = loaded_month + v_loaded,
            redeemed_month = redeemed_month + v_redeemed
        where (kind, subject, currency) = (v_was.kind, v_was.subject, v_was.currency)
            and date_trunc('month', counted_on) = date_trunc('month', v_was.counted_on);
        insert into ledger_counted (account_id, position, kind, subject, currency, counted_on, loads, loaded, redeemed)
        values (p_account, p_position, v_was.kind, v_was.subject, v_was.currency, v_was.counted_on, v_loads, v_loaded, v_redeemed);
    end loop;
end $$;
