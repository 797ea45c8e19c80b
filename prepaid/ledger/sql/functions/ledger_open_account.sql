-- Opens an account with nothing on it; opening it again changes nothing.
create or replace function ledger_open_account(p_id uuid, p_currency text, p_at timestamptz) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    insert into ledger_account (id, currency, opened_at) values (p_id, p_currency, p_at) on conflict (id) do nothing
$$;
