-- Gives the id that one line of an order or import has for one purpose: a UUIDv7 whose time and first random bits are those
-- of p_base counted on by the line, so that each line has a reference (RRN) of its own; the rest follows from all three.
create or replace function stored_value_line_id(p_base uuid, p_line integer, p_purpose text) returns uuid
language sql immutable parallel safe as $$
    select (to_hex_12.hex || '7' || lpad(to_hex(counted.bits & 4095), 3, '0') || '8'
            || substr(md5(p_base::text || p_line || p_purpose), 1, 15))::uuid
    from (select ('x' || substr(plain.hex, 1, 12) || substr(plain.hex, 14, 3))::bit(60)::bigint + p_line as bits
          from (select replace(p_base::text, '-', '') as hex) as plain) as counted
    cross join lateral (select lpad(to_hex(counted.bits >> 12), 12, '0') as hex) as to_hex_12
$$;
