-- Counts a load or a redemption at the account's next position for each counter of its program, whatever its limits say:
-- an advice is recorded, never declined. An amount not asked for is 0. Minor units.
-- Locks the counters' rows in the order of their kinds; the caller holds the account's.
create or replace function stored_value_count_anyway(
    p_request ledger_request, p_card stored_value_card, p_presented stored_value_presented, p_instrument bytea,
    p_account ledger_account, p_loaded bigint, p_redeemed bigint
) returns void language plpgsql as $$
declare
    v_held record;
begin
    for v_held in
        select * from stored_value_list_counted(p_card, p_presented.method, p_instrument, p_loaded > 0)
    loop
        perform ledger_begin_counter(v_held.kind, v_held.subject, p_account.currency, p_request.business_date);
        perform ledger_count(
            p_account.id, p_account.position + 1, v_held.kind, v_held.subject, p_account.currency, p_loaded, p_redeemed);
    end loop;
end $$;
