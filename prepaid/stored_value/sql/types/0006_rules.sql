-- By which rule a transaction was declined, and which way of reckoning a card return was chosen.
-- Frozen: a later change is a later file.

-- Written with such a decline alone, so that an ordinary answer carries nothing of it. Read-only to the application
-- by its name, as the answers are; the rule is a row that is never changed, so that a repeat is told the same.
create table ledger_answer_rule (
    answer_id  uuid primary key,
    rule_id    uuid not null
);
create trigger append_only before update or delete on ledger_answer_rule
    for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on ledger_answer_rule
    for each statement execute function ledger_refuse_change();

-- A quote of a card return that a person chose, with its working as it was shown. Minor units. Its id becomes the
-- id of the transaction that pays it out; position is where the account's chain stood.
create table stored_value_return_quote (
    id                     uuid primary key,
    account_id             uuid not null,
    card_id                uuid not null,
    position               bigint not null,
    currency               ledger_currency not null,
    branch                 text not null,
    refund_minor           ledger_amount not null,
    interest_minor         ledger_amount not null,
    paid_minor             ledger_amount not null,
    paid_from_bonus_minor  ledger_amount not null,
    forfeited_bonus_minor  ledger_amount not null,
    retained_minor         ledger_amount not null,
    closes                 boolean not null,
    quote                  jsonb not null,
    reason                 text not null check (reason <> ''),
    store_id               uuid not null,
    business_date          date not null,
    due_on                 date,
    operator               text not null,
    recorded_at            timestamptz not null,
    constraint stored_value_return_quote_pays_the_refund check (paid_minor + paid_from_bonus_minor = refund_minor)
);
create index stored_value_return_quote_account on stored_value_return_quote (account_id, recorded_at);
create trigger append_only before update or delete on stored_value_return_quote
    for each row execute function ledger_refuse_change();
create trigger never_truncated before truncate on stored_value_return_quote
    for each statement execute function ledger_refuse_change();
