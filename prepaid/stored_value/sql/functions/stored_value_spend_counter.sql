-- Raises a credential's SUN counter to the one presented; false where it is not higher (a message used before).
-- Locks the credential's row.
create or replace function stored_value_spend_counter(p_credential uuid, p_counter bigint) returns boolean
language plpgsql as $$
begin
    update cards_credential set counter = p_counter where id = p_credential and counter < p_counter;
    return found;
end $$;
