-- Counts a load or a redemption at the account's next position for each counter of its program, or gives the reason why
-- not and counts nothing. An amount not asked for is 0. Minor units.
-- Locks the counters' rows in the order of their kinds; the caller holds the account's.
create or replace function stored_value_count(
    p_request ledger_request, p_card stored_value_card, p_presented stored_value_presented, p_instrument bytea,
    p_account ledger_account, p_loaded bigint, p_redeemed bigint
) returns text language plpgsql as $$
declare
    v_held record;
    v_reason text;
begin
    if not stored_value_is_counted(p_card, p_presented.method) then
        return null;
    end if;
    for v_held in
        select * from stored_value_list_counted(p_card, p_presented.method, p_instrument, p_loaded > 0)
    loop
        perform ledger_begin_counter(v_held.kind, v_held.subject, p_account.currency, p_request.business_date);
    end loop;
    v_reason := stored_value_refuse_counted(
        p_card, p_presented.method, p_instrument, p_request.business_date, p_account.currency, p_loaded, p_redeemed);
    if v_reason is null and p_redeemed > 0 and p_presented.pin_mac is null and stored_value_is_beyond_low_trust(
        p_card, p_presented.method, p_request.business_date, p_account.currency, p_redeemed)
    then
        -- Another tap of the same UID came between.
        v_reason := 'pin_required';
    end if;
    if v_reason is null then
        for v_held in
            select * from stored_value_list_counted(p_card, p_presented.method, p_instrument, p_loaded > 0)
        loop
            perform ledger_count(
                p_account.id, p_account.position + 1, v_held.kind, v_held.subject, p_account.currency, p_loaded, p_redeemed);
        end loop;
    end if;
    return v_reason;
end $$;
