-- One leg of a posting as the account's chain hashes it: 44 bytes. Minor units. In plain SQL, as ledger_chain_hash is.
create or replace function ledger_bytes_of_leg(p_lot_no integer, p_debit uuid, p_credit uuid, p_amount bigint) returns bytea
language sql immutable parallel safe as $$
    select int4send(p_lot_no) || uuid_send(p_debit) || uuid_send(p_credit) || int8send(p_amount)
$$;
