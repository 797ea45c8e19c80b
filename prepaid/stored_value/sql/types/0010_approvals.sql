-- Two-person control: what was asked, by whom, and who decided. Read-only to the application by its name, as the ledger
-- is; written by functions that know the rule. Frozen: a later change is a later file.

-- A row is made when something is asked, decided once, and concluded once in the commit of its decision.
-- amount, in minor units, is what was compared with the program's amount of that moment, alone_max (null: no bound).
create table ledger_approval (
    id               uuid primary key,
    kind             text not null check (kind in (
        'adjust', 'refund_unlinked', 'unblock', 'limit_change', 'bulk_issue', 'rule_change', 'card_return')),
    amount           ledger_amount not null,
    currency         text,
    alone_max        bigint,
    second_needed    boolean not null,
    -- What it is about: opaque here.
    card_id          uuid,
    account_id       uuid,
    program_id       uuid,
    store_id         uuid not null,
    origin_id        uuid,
    payload          jsonb not null,
    reason           text not null check (btrim(reason) <> ''),
    -- The id under which it is carried out, made when it is asked: it is carried out once.
    transaction_id   uuid not null,
    asked_by         text not null,
    asked_by_user    bigint not null,
    asked_at         timestamptz not null,
    expires_at       timestamptz not null,
    verdict          text check (verdict in ('alone', 'approved', 'refused', 'expired')),
    decided_by       text,
    decided_by_user  bigint,
    decided_at       timestamptz,
    decision_reason  text not null default '',
    outcome          text check (outcome in ('executed', 'declined')),
    outcome_reason   text,
    -- What moves value is asked for at a till, which posts it.
    constraint ledger_approval_of_value_has_an_origin check (
        origin_id is not null or kind in ('unblock', 'limit_change', 'bulk_issue', 'rule_change')),
    constraint ledger_approval_expires_later check (expires_at > asked_at),
    constraint ledger_approval_above_the_amount_by_two check (
        second_needed or (kind <> 'rule_change' and (alone_max is null or amount <= alone_max))),
    constraint ledger_approval_decided_whole check ((verdict is null) = (decided_at is null)),
    constraint ledger_approval_by_another_person check (
        verdict is distinct from 'approved' or coalesce(decided_by_user <> asked_by_user and decided_by <> asked_by, false)),
    constraint ledger_approval_alone_below_the_amount check (
        verdict is distinct from 'alone' or coalesce(not second_needed and decided_by_user = asked_by_user, false)),
    constraint ledger_approval_in_time check (
        coalesce(verdict not in ('alone', 'approved'), true) or decided_at < expires_at),
    constraint ledger_approval_refused_for_a_reason check (
        verdict is distinct from 'refused' or btrim(decision_reason) <> ''),
    constraint ledger_approval_carried_out_when_approved check (
        outcome is null or coalesce(verdict in ('alone', 'approved'), false)),
    constraint ledger_approval_declined_for_a_reason check ((outcome is not distinct from 'declined') = (outcome_reason is not null))
);
create index ledger_approval_pending on ledger_approval (expires_at) where verdict is null;
create index ledger_approval_decided on ledger_approval (decided_at desc) where verdict is not null;
-- One id is carried out for one request; one that was refused or expired may be asked again.
create unique index ledger_approval_transaction_once on ledger_approval (transaction_id)
    where verdict is null or verdict in ('alone', 'approved');

create function ledger_refuse_approval_change() returns trigger language plpgsql as $$
declare
    v_kept ledger_approval := new;
begin
    if old.verdict is null and new.verdict is not null and new.outcome is null then
        v_kept.verdict := old.verdict;
        v_kept.decided_by := old.decided_by;
        v_kept.decided_by_user := old.decided_by_user;
        v_kept.decided_at := old.decided_at;
        v_kept.decision_reason := old.decision_reason;
    elsif old.verdict is not null and old.outcome is null and new.outcome is not null then
        v_kept.outcome := old.outcome;
        v_kept.outcome_reason := old.outcome_reason;
    else
        raise exception 'an approval is decided once and concluded once' using errcode = 'PC900';
    end if;
    if v_kept is distinct from old then
        raise exception 'what was asked is never changed' using errcode = 'PC900';
    end if;
    return new;
end $$;
create trigger decided_once before update on ledger_approval for each row execute function ledger_refuse_approval_change();
create trigger kept before delete on ledger_approval for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_approval
    for each statement execute function ledger_refuse_change();

-- Which cause stands behind a decline whose reason alone does not say it. Written with such a decline alone.
create table ledger_answer_cause (
    answer_id  uuid primary key,
    cause      text not null check (cause in ('issued_by_operator', 'second_person_needed'))
);
create trigger append_only before update or delete on ledger_answer_cause
    for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_answer_cause
    for each statement execute function ledger_refuse_change();
