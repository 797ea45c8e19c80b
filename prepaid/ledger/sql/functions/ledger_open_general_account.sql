-- Opens a general account (merchant, till, expense ...); opening it again changes nothing.
create or replace function ledger_open_general_account(p_id uuid, p_kind text, p_owner uuid, p_currency text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    insert into ledger_general_account (id, kind, owner_id, currency) values (p_id, p_kind, p_owner, p_currency)
    on conflict (id) do nothing
$$;
