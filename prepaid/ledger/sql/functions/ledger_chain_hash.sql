-- The hash of an account's chain after one transaction: SHA-256 of the hash before it and of all that is kept of it.
-- Used by the postings and by the audit. The row's binary form gives each part its length, and names none of our own
-- types, whose numbers differ from database to database; the legs (ledger_bytes_of_legs) stand before it at a fixed width
-- each. In plain SQL, so that it costs no call: it becomes part of the expression that it stands in (ADR 0009).
create or replace function ledger_chain_hash(
    p_before bytea, p_account uuid, p_position bigint, p_id uuid, p_type text, p_amount bigint, p_balance bigint, p_held bigint,
    p_original uuid, p_origin uuid, p_store uuid, p_business_date date, p_occurred_at timestamptz, p_recorded_at timestamptz,
    p_operator text, p_legs bytea
) returns bytea language sql stable parallel safe as $$
    select sha256(p_before || p_legs || record_send(row(
        p_account, p_position, p_id, p_type, p_amount, p_balance, p_held, p_original, p_origin, p_store, p_business_date,
        p_occurred_at, p_recorded_at, p_operator)))
$$;
