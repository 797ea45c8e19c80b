-- Decides whether something needs a second person: above the program's amount for its kind (`<kind>_alone_max`, null: no
-- bound), always for a change of rules or of a program's terms, and whenever the one who asks is no manager. Minor units. Locks nothing.
create or replace function stored_value_second_needed(
    p_kind text, p_amount bigint, p_program uuid, p_user bigint, out alone_max bigint, out second_needed boolean
) language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    alone_max := (
        select (to_jsonb(program) ->> (p_kind || '_alone_max'))::bigint from cards_program as program where program.id = p_program);
    second_needed := p_kind in ('rule_change', 'program_change') or coalesce(p_amount > alone_max, false)
        or not exists (select from stores_staff as staff where staff.user_id = p_user and staff.role = 'manager');
end $$;
