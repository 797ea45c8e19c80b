-- Stores the answer of a transaction that followed from another one in its commit, so that its id is never used again.
create or replace function ledger_answer_follow_up(
    p_request ledger_request, p_type text, p_amount bigint, p_account ledger_account, p_original uuid, p_hash bytea
) returns void language plpgsql as $$
begin
    insert into ledger_answer (
        id, digest, origin_id, type, outcome, requested_amount, approved_amount, currency, balance, account_id, position,
        original_id, operator, recorded_at, hash)
    values (
        p_request.id, p_request.digest, p_request.origin_id, p_type, 'approved', p_amount, p_amount, p_account.currency,
        p_account.balance, p_account.id, p_account.position, p_original, p_request.operator, p_request.recorded_at, p_hash);
end $$;
