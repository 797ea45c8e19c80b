-- Locks an account's row until the commit: whoever posted to it before has committed, whoever comes later sees what this
-- transaction wrote. For a change that decides what may be posted (ADR 0094).
create or replace function ledger_lock_account(p_account uuid) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform from ledger_account where id = p_account for update;
end $$;
