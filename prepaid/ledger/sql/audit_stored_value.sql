-- The ledger audit goes on: what stored value keeps in the ledger beside accounts, lots and transactions. Approvals, bonus,
-- holds, shortfalls and advices. As in audit.sql each query must return no rows.

-- name: adjustment_and_unlinked_refund_are_approved
-- Nothing is given or taken by hand without an approval that was carried out under its id: of its amount and account,
-- by one below the program's amount, above it by two persons.
select 'transaction', format('%s/%s %s', transaction.account_id, transaction.position, transaction.id),
    case
        when approval.id is null then format('%s of %s without an approval', transaction.type, transaction.amount)
        else format('%s of %s by %s, approved by %s: %s of %s', transaction.type, transaction.amount, approval.asked_by,
            approval.decided_by, approval.verdict, approval.amount)
    end
from ledger_transaction as transaction
left join ledger_approval as approval
    on approval.transaction_id = transaction.id and approval.verdict in ('alone', 'approved') and approval.outcome = 'executed'
where (transaction.type in ('adjust_up', 'adjust_down') or (transaction.type = 'refund' and transaction.original_id is null))
    and (approval.id is null or approval.amount <> transaction.amount or approval.account_id <> transaction.account_id
        or approval.kind <> case when transaction.type = 'refund' then 'refund_unlinked' else 'adjust' end
        or (approval.verdict = 'alone' and approval.amount > approval.alone_max)
        or (approval.verdict = 'approved' and approval.decided_by_user is not distinct from approval.asked_by_user));

-- name: approval_is_concluded_with_its_decision
-- What was approved was carried out or declined in the same commit; what moves value was posted where it was carried out.
select 'approval', approval.id::text, format('%s, outcome %s', approval.verdict, coalesce(approval.outcome, 'none'))
from ledger_approval as approval
left join ledger_answer as answer on answer.id = approval.transaction_id and answer.outcome = 'approved'
where approval.verdict in ('alone', 'approved') and (approval.outcome is null or (
    approval.outcome = 'executed' and approval.kind in ('adjust', 'refund_unlinked', 'card_return') and answer.id is null));

-- name: order_is_approved
-- No order of many cards left its draft without an approval that was carried out: of its program and its whole value, by one
-- below the program's amount, above it by two persons.
select 'order', card_order.id::text, format('%s: %s cards of %s without an approval', card_order.state, card_order.quantity, card_order.amount_each)
from cards_cardorder as card_order
where card_order.state not in ('draft', 'cancelled') and not exists (
    select from ledger_approval as approval
    where approval.kind = 'bulk_issue' and approval.payload -> 'order_id' = to_jsonb(card_order.id::text)
        and approval.outcome = 'executed' and approval.program_id = card_order.program_id
        and approval.amount = card_order.quantity * card_order.amount_each
        and ((approval.verdict = 'alone' and approval.amount <= coalesce(approval.alone_max, approval.amount))
            or (approval.verdict = 'approved' and approval.decided_by_user <> approval.asked_by_user)));

-- name: import_is_approved
-- No import was run without an approval that was carried out: of its program and of the whole value of its lines, by one below
-- the program's amount, above it by two persons.
select 'import', made.id::text, format('%s: %s cards with %s and bonus of %s without an approval, lines of %s', made.state,
    made.quantity, made.paid_minor, made.bonus_minor, lines.amount)
from cards_cardimport as made
cross join lateral (
    select coalesce(sum(line.paid_minor + line.bonus_minor), 0) as amount from cards_bulkline as line where line.bulk_id = made.id
) as lines
where made.state not in ('faulty', 'checked') and not exists (
    select from ledger_approval as approval
    where approval.kind = 'bulk_import' and approval.payload -> 'import_id' = to_jsonb(made.id::text)
        and approval.outcome = 'executed' and approval.program_id = made.program_id
        and approval.amount = made.paid_minor + made.bonus_minor and approval.amount = lines.amount
        and ((approval.verdict = 'alone' and approval.amount <= coalesce(approval.alone_max, approval.amount))
            or (approval.verdict = 'approved' and approval.decided_by_user <> approval.asked_by_user)));

-- name: unblock_is_approved
-- No blocked card ran again without an approval that was carried out with it, of that card.
select 'card', event.card_id::text, format('unblocked by %s at %s without an approval', event.actor, event.at)
from cards_cardevent as event
where event.change = 'unblock' and not exists (
    select from ledger_approval as approval
    where approval.kind = 'unblock' and approval.card_id = event.card_id and approval.transaction_id = event.id
        and approval.outcome = 'executed');

-- name: bonus_is_paid_once
-- Each part that is paid is one transaction under its own id, and each such transaction is a part of a load's bonus.
select 'bonus', format('%s/%s %s', coalesce(bonus.account_id, posted.account_id), coalesce(bonus.load_id, posted.original_id), coalesce(bonus.id, posted.id)),
    format('%s of %s, transactions %s of %s', coalesce(bonus.resolution, 'not paid'), bonus.amount, coalesce(posted.count, 0), posted.amount)
from ledger_bonus as bonus
full join (
    select account_id, id, original_id, count(*) as count, sum(amount) as amount
    from ledger_transaction where type = 'bonus' group by account_id, id, original_id
) as posted on posted.account_id = bonus.account_id and posted.id = bonus.id and posted.original_id = bonus.load_id
where bonus.id is null or bonus.id <> ledger_derived_id(bonus.load_id, bonus.number::text)
    or coalesce(posted.count, 0) <> case when bonus.resolution = 'paid' then 1 else 0 end
    or (posted.count = 1 and posted.amount <> bonus.amount);

-- name: bonus_goes_back_with_its_load
-- A load that is undone leaves no part of its bonus, paid or due; no part goes back without it.
select 'bonus', format('%s/%s %s', bonus.account_id, bonus.load_id, bonus.id),
    format('load undone: %s, part %s, undone: %s', load.undone, coalesce(bonus.resolution, 'due'), part.undone)
from ledger_bonus as bonus
cross join lateral (select exists (
    select from ledger_transaction as undo
    where undo.account_id = bonus.account_id and undo.original_id = bonus.load_id and undo.type in ('void', 'reversal')) as undone) as load
cross join lateral (select exists (
    select from ledger_transaction as undo
    where undo.account_id = bonus.account_id and undo.original_id = bonus.id and undo.type in ('void', 'reversal')) as undone) as part
where (load.undone and bonus.resolution is null) or part.undone <> (load.undone and bonus.resolution is not distinct from 'paid')
    or (not load.undone and bonus.resolution is not distinct from 'cancelled');

-- name: open_holds_are_covered
-- A capture in time never fails for want of value: what was good when a hold was placed stays good for it.
select 'account', account.id::text, format('held %s, balance %s', account.held, account.balance)
from ledger_account as account
where account.held > 0 and not ledger_holds_are_covered(account.id, account.lots);

-- name: shortfall_is_the_sum_of_open_shortfalls
select 'account', account.id::text, format('owes %s, open shortfalls %s', account.shortfall, coalesce(open.amount, 0))
from ledger_account as account
left join (
    select account_id, sum(amount - recovered) as amount from ledger_shortfall group by account_id
) as open on open.account_id = account.id
where account.shortfall <> coalesce(open.amount, 0);

-- name: who_owes_has_nothing_available
-- Whatever comes free settles a shortfall in the same commit (ADR 0093): nothing leaves an account that owes.
select 'account', account.id::text,
    format('owes %s and has %s available', account.shortfall, ledger_available(account, last.business_date))
from ledger_account as account
cross join lateral (
    select max(business_date) as business_date from ledger_transaction where account_id = account.id
) as last
where account.shortfall > 0 and ledger_available(account, last.business_date) > 0;

-- name: shortfall_is_the_sum_of_its_transfers
-- Lent by a general account of the kind, and given back to it.
select 'account', account.id::text, format('owes %s, transfers %s', account.shortfall, coalesce(moved.amount, 0))
from ledger_account as account
left join (
    select transfer.account_id,
        sum(case when transfer.credit_account = transfer.account_id then transfer.amount else -transfer.amount end) as amount
    from ledger_transfer as transfer
    join ledger_transaction as transaction using (account_id, position)
    join ledger_general_account as lender
        on lender.id in (transfer.debit_account, transfer.credit_account) and lender.kind = 'shortfall'
    where transaction.type in ('shortfall', 'recovery')
    group by transfer.account_id
) as moved on moved.account_id = account.id
where account.shortfall <> coalesce(moved.amount, 0);

-- name: advice_is_posted_once
-- Recorded, never declined: an approved answer and one transaction of that amount, and what was lacking stands as owed.
select 'advice', advice.id::text,
    format('%s of %s, posted %s times; lacked %s, lent %s', advice.type, advice.amount, count(transaction.id), advice.shortfall,
        coalesce(min(lent.amount), 0))
from ledger_advice as advice
left join ledger_transaction as transaction
    on transaction.account_id = advice.account_id and transaction.id = advice.id and transaction.type = advice.type
    and transaction.amount = advice.amount
left join ledger_shortfall as lent on lent.account_id = advice.account_id and lent.original_id = advice.id
group by advice.id
having count(transaction.id) <> 1 or advice.shortfall <> coalesce(min(lent.amount), 0);
