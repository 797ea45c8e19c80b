-- Decides whether an operator gives back value of a card that they issued themselves on the same business date:
-- type_not_allowed, or null. A manager may. A replacement or exchange is no issue. Until shifts are kept, a shift is the
-- store's business date. Locks nothing.
create or replace function stored_value_refuse_own_issue(p_request ledger_request, p_account uuid) returns text
language plpgsql as $$
begin
    if not exists (
        select from cards_card as card
        join cards_cardevent as event on event.card_id = card.id and event.change = 'issue'
        join stores_store as store on store.id = card.issued_store_id
        where card.account_id = p_account and card.replaces_id is null
            and event.actor = p_request.operator and p_request.operator <> ''
            and ((event.at at time zone store.timezone) - store.day_starts_at::interval)::date = p_request.business_date)
        or exists (select from stores_staff as staff where staff.code = p_request.operator and staff.role = 'manager')
    then
        return null;
    end if;
    return stored_value_decline_for(p_request, 'issued_by_operator');
end $$;
