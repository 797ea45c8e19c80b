-- Counts a load or a redemption of an account at p_position for a counter, and keeps what was counted. Minor units.
-- The caller holds the account's row and the counter's (ledger_begin_counter), and has decided that it is within limits.
create or replace function ledger_count(
    p_account uuid, p_position bigint, p_kind text, p_subject bytea, p_currency text, p_loaded bigint, p_redeemed bigint
) returns void language sql as $$
    with counted as (
        update ledger_counter
        set loads_today = loads_today + (p_loaded > 0)::int, loaded_today = loaded_today + p_loaded,
            loaded_month = loaded_month + p_loaded, redeemed_today = redeemed_today + p_redeemed,
            redeemed_month = redeemed_month + p_redeemed
        where (kind, subject, currency) = (p_kind, p_subject, p_currency)
        returning counted_on
    )
    insert into ledger_counted (account_id, position, kind, subject, currency, counted_on, loads, loaded, redeemed)
    select p_account, p_position, p_kind, p_subject, p_currency, counted_on, (p_loaded > 0)::int::smallint, p_loaded, p_redeemed
    from counted
$$;
