-- Closes what nobody decided in time, at most p_limit of it, and counts it. Rows that somebody is deciding are left alone.
create or replace function stored_value_expire_approvals(p_at timestamptz, p_limit integer) returns bigint
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    with due as (
        select id from ledger_approval where verdict is null and expires_at <= p_at
        order by expires_at limit p_limit for update skip locked
    ), closed as (
        update ledger_approval as approval set verdict = 'expired', decided_at = p_at
        from due where approval.id = due.id and approval.verdict is null
        returning approval.id
    )
    select count(*) from closed
$$;
