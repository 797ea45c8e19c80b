-- Checks the PIN of a card and counts wrong tries: pin_required, pin_wrong, pin_locked, or null where it is right. It is the
-- number's, whichever credential p_credential was presented; a card without a number may have one of the credential's own.
-- A locked PIN answers alike for right and wrong. Locks that credential's row first, so that no two tries share a count.
create or replace function stored_value_refuse_pin(p_credential uuid, p_pin_mac bytea) returns text
language plpgsql as $$
declare
    v_credential uuid := coalesce(
        (select number.id from cards_credential as shown
         join cards_credential as number on number.card_id = shown.card_id and number.method = 'number'
         where shown.id = p_credential order by number.id limit 1),
        p_credential);
    v_pin record;
begin
    if p_pin_mac is null then
        return 'pin_required';
    end if;
    select pin_mac, pin_failures, pin_tries_max into v_pin from cards_credential where id = v_credential for update;
    if v_pin.pin_failures >= v_pin.pin_tries_max then
        return 'pin_locked';
    end if;
    if v_pin.pin_mac is distinct from p_pin_mac then
        update cards_credential set pin_failures = pin_failures + 1 where id = v_credential;
        return 'pin_wrong';
    end if;
    if v_pin.pin_failures > 0 then
        update cards_credential set pin_failures = 0 where id = v_credential;
    end if;
    return null;
end $$;
