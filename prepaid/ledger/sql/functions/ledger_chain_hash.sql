-- The hash of an account's chain after one transaction: SHA-256 of the hash before it and of all that is kept of it.
-- Used by the posting and by the audit. The row's binary form gives each part its length, and names none of our own
-- types, whose numbers differ from database to database; the legs follow it at a fixed width each.
create or replace function ledger_chain_hash(
    p_before bytea, p_account uuid, p_position bigint, p_id uuid, p_type text, p_amount bigint, p_balance bigint, p_held bigint,
    p_original uuid, p_origin uuid, p_store uuid, p_business_date date, p_occurred_at timestamptz, p_recorded_at timestamptz,
    p_operator text, p_legs ledger_leg[]
) returns bytea language plpgsql stable parallel safe as $$
declare
    v_leg ledger_leg;
    v_legs bytea := '';
begin
    foreach v_leg in array p_legs loop
        v_legs := v_legs || int4send(v_leg.lot_no) || uuid_send(v_leg.debit_account) || uuid_send(v_leg.credit_account)
            || int8send(v_leg.amount);
    end loop;
    return sha256(p_before || v_legs || record_send(row(
        p_account, p_position, p_id, p_type, p_amount, p_balance, p_held, p_original, p_origin, p_store, p_business_date,
        p_occurred_at, p_recorded_at, p_operator)));
end $$;
