-- The value of an account that may be spent on a business date: open lots that have not expired, less what open holds
-- need. A hold may still use a lot that was good on the day when it was placed, so that lots which expired under a hold
-- cover it first; what no such lot covers is kept of the others. With p_hold, what that hold may capture: it is left out
-- of what is held, and the day is the one it was placed on. Minor units. Locks nothing; true as long as the account's
-- chain has not grown.
create or replace function ledger_available(p_account ledger_account, p_on date, p_hold uuid default null) returns bigint
language plpgsql stable as $$
declare
    v_available bigint := ledger_spendable(p_account.lots, p_on);
begin
    if p_account.held > 0 then
        -- Holds placed on a day or later can use the lots that were good on that day and no others. A redeem takes its
        -- lots in any order; a capture takes the first to expire first, and reaches the later ones last.
        select least(v_available, min(
            ledger_spendable(p_account.lots, case when p_hold is null then other.placed_on else least(other.placed_on, p_on) end)
            - other.held)) into v_available
        from (
            select hold.placed_on, (sum(hold.amount) over (order by hold.placed_on desc))::bigint as held
            from ledger_hold as hold
            where hold.account_id = p_account.id and hold.resolution is null and hold.id is distinct from p_hold
        ) as other;
    end if;
    return greatest(v_available, 0);
end $$;
