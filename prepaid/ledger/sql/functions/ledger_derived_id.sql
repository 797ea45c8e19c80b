-- Gives the id of a transaction that follows from another one: the same for each repeat. A UUIDv8 (RFC 9562).
create or replace function ledger_derived_id(p_id uuid, p_name text) returns uuid
language plpgsql immutable strict parallel safe as $$
declare
    v_bytes bytea := substring(sha256(uuid_send(p_id) || convert_to(p_name, 'UTF8')) for 16);
begin
    v_bytes := set_byte(v_bytes, 6, get_byte(v_bytes, 6) & 15 | 128);
    v_bytes := set_byte(v_bytes, 8, get_byte(v_bytes, 8) & 63 | 128);
    return encode(v_bytes, 'hex')::uuid;
end $$;
