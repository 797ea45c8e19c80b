-- The hash of an account's chain after one transaction: SHA-256 of the hash before it and of all that is kept of it.
-- Used by the posting and by the audit. Every part has a fixed width but the texts, which are ended by a zero byte.
create or replace function ledger_chain_hash(
    p_before bytea, p_account uuid, p_position bigint, p_id uuid, p_type text, p_amount bigint, p_balance bigint, p_held bigint,
    p_original uuid, p_origin uuid, p_store uuid, p_business_date date, p_occurred_at timestamptz, p_recorded_at timestamptz,
    p_operator text, p_legs ledger_leg[]
) returns bytea language sql immutable parallel safe as $$
    select sha256(
        p_before || uuid_send(p_account) || int8send(p_position) || uuid_send(p_id) || convert_to(p_type, 'UTF8') || '\x00'
        || int8send(p_amount) || int8send(p_balance) || int8send(p_held)
        || uuid_send(coalesce(p_original, '00000000-0000-0000-0000-000000000000')) || uuid_send(p_origin) || uuid_send(p_store)
        || date_send(p_business_date) || timestamptz_send(p_occurred_at) || timestamptz_send(p_recorded_at)
        || convert_to(p_operator, 'UTF8') || '\x00' || array_send(p_legs))
$$;
