-- Decides what was asked, once: `alone` by the manager who asked, where no second person is needed; `approved` by another
-- manager, in time; `refused` by any manager, or taken back by the one who asked. No row where the decision is not theirs
-- or somebody else was first. Locks the approval's row, before anything that carrying it out locks.
create or replace function stored_value_decide_approval(
    p_id uuid, p_verdict text, p_user bigint, p_reason text, p_at timestamptz
) returns setof ledger_approval
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    update ledger_approval as approval
    set verdict = p_verdict, decided_by = staff.code, decided_by_user = staff.user_id, decided_at = p_at,
        decision_reason = p_reason
    from stores_staff as staff
    where approval.id = p_id and approval.verdict is null and approval.expires_at > p_at and staff.user_id = p_user
        and case p_verdict
            when 'alone' then staff.role = 'manager' and staff.user_id = approval.asked_by_user and not approval.second_needed
            when 'approved' then staff.role = 'manager' and staff.user_id <> approval.asked_by_user
            when 'refused' then staff.role = 'manager' or staff.user_id = approval.asked_by_user
        end
    returning approval.*
$$;
