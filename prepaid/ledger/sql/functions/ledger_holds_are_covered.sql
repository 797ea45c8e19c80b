-- Says whether open lots cover every open hold of an account, each by the lots that were good when it was placed.
create or replace function ledger_holds_are_covered(p_account uuid, p_lots ledger_open_lot[]) returns boolean
language sql stable as $$
    select not exists (
        select from (
            select hold.placed_on, sum(hold.amount) over (order by hold.placed_on desc) as held
            from ledger_hold as hold
            where hold.account_id = p_account and hold.resolution is null
        ) as open
        where ledger_spendable(p_lots, open.placed_on) < open.held)
$$;
