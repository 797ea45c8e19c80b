-- Looks at the card of a transaction that a terminal approved by itself: raises its counter, tries its PIN, and gives
-- what a person has to look at, with the reason for which it would have been declined on p_on. A card that did not prove
-- itself is given as none. Locks the credential's row.
create or replace function stored_value_look_at_advised(
    p_request ledger_request, p_presented stored_value_presented, p_currency text, p_on date,
    out card stored_value_card, out findings text[], out reason text
) language plpgsql as $$
begin
    findings := '{}';
    card := stored_value_find_card(p_presented);
    if card.credential_id is not null and p_presented.method in ('sun', 'pay_code') and p_presented.refusal is null then
        update cards_credential
        set counter = p_presented.counter, counter_at = p_request.recorded_at, counter_by = p_request.origin_id
        where id = card.credential_id and counter < p_presented.counter;
        if not found then
            findings := findings || 'late_counter'::text;
        end if;
    end if;
    -- The counter is looked at already: late is not refused here.
    card.counter := null;
    reason := stored_value_refuse_card(card, p_presented, p_request.store_id, p_on, p_currency);
    if p_presented.method = 'number' and card.credential_id is not null and reason is distinct from 'credential_refused' then
        reason := coalesce(stored_value_refuse_pin(card.credential_id, p_presented.pin_mac), reason);
    end if;
    if reason in ('card_unknown', 'credential_refused', 'currency_mismatch', 'pin_required', 'pin_wrong', 'pin_locked')
        -- An account keeps its own currency when its program changes.
        or p_currency is distinct from (select currency from ledger_account where id = card.account_id)
    then
        findings := findings || 'unproven'::text;
        reason := coalesce(reason, 'currency_mismatch');
        card := null;
    elsif reason is not null then
        findings := findings || 'unusable'::text;
    end if;
end $$;
