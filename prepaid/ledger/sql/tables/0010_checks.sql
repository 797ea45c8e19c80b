-- The answer's check asks first what most answers are (ADR 0009). Frozen: a later change is a later file.
create or replace function ledger_check_answer() returns trigger language plpgsql as $$
begin
    if new.outcome = 'approved' and new.reason is null and new.digest is not null then
        return new;
    elsif (new.outcome = 'approved') <> (new.reason is null)
        or (new.outcome = 'declined' and (new.approved_amount <> 0 or new.position is not null))
        or (new.digest is null and new.reason is distinct from 'already_reversed')
    then
        raise check_violation using constraint = 'ledger_answer_whole', table = tg_table_name,
            message = 'ledger_answer_whole: an answer is approved, or declined with a reason and nothing moved';
    end if;
    return new;
end $$;

-- Takes the legs as bytes now, and is made again after migrate.
drop function if exists ledger_chain_hash(
    bytea, uuid, bigint, uuid, text, bigint, bigint, bigint, uuid, uuid, uuid, date, timestamptz, timestamptz, text, ledger_leg[]);
