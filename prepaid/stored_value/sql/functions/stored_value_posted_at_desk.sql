-- Gives what was posted on the account that gave, for an approved answer that staff made at the desk. Where an empty card
-- was merged or given back nothing was posted: then its store and business date alone, by who asked for it.
create or replace function stored_value_posted_at_desk(p_original ledger_answer) returns ledger_transaction
language plpgsql stable as $$
declare
    v_posted ledger_transaction;
begin
    select * into v_posted from ledger_transaction
    where account_id = p_original.account_id and position = p_original.position;
    if not found then
        select store.id, ((p_original.recorded_at at time zone store.timezone) - store.day_starts_at::interval)::date
        into v_posted.store_id, v_posted.business_date
        from (select id, store_id from stores_till union all select id, store_id from stores_terminal) as origin
        join stores_store as store on store.id = origin.store_id
        where origin.id = p_original.origin_id;
    end if;
    return v_posted;
end $$;
