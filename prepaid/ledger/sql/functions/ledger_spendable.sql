-- The value of open lots that have not expired on a business date. Minor units.
create or replace function ledger_spendable(p_lots ledger_open_lot[], p_on date) returns bigint
language sql immutable parallel safe as $$
    select case cardinality(p_lots)
        when 0 then 0
        when 1 then case when (p_lots[1]).expires_on < p_on then 0 else (p_lots[1]).remaining end
        else (select coalesce(sum(lot.remaining), 0)::bigint from unnest(p_lots) as lot
              where lot.expires_on is null or lot.expires_on >= p_on)
    end
$$;
