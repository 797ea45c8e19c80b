-- The causes behind a decline with one more. Frozen: a later change is a later file.

alter table ledger_answer_cause drop constraint ledger_answer_cause_cause_check;
alter table ledger_answer_cause add constraint ledger_answer_cause_cause_check
    check (cause in ('issued_by_operator', 'second_person_needed', 'shortfall_owed', 'bonus_to_come'));
