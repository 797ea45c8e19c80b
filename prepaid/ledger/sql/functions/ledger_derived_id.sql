-- Makes the id of a transaction that follows from another one: a UUIDv8 of the other's id and a number. The same two
-- always give the same id, so that what follows is posted once.
create or replace function ledger_derived_id(p_id uuid, p_number integer) returns uuid
language plpgsql immutable strict parallel safe as $$
declare
    v_bytes bytea := substr(sha256(uuid_send(p_id) || int4send(p_number)), 1, 16);
begin
    v_bytes := set_byte(v_bytes, 6, get_byte(v_bytes, 6) & 15 | 128);
    v_bytes := set_byte(v_bytes, 8, get_byte(v_bytes, 8) & 63 | 128);
    return encode(v_bytes, 'hex')::uuid;
end $$;
