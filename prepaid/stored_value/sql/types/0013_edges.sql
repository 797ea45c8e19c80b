-- One more cause behind a decline, and functions that one function replaces. Frozen: a later change is a later file.

alter table ledger_answer_cause drop constraint ledger_answer_cause_cause_check;
alter table ledger_answer_cause add constraint ledger_answer_cause_cause_check
    check (cause in ('issued_by_operator', 'second_person_needed', 'shortfall_owed'));

drop function if exists stored_value_undo_move(ledger_request, text, ledger_answer, boolean, bigint);
drop function if exists stored_value_undo_pay_out(ledger_request, text, ledger_answer, boolean, bigint);
