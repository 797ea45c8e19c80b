-- The ledger audit: each query must return no rows. A row names what is wrong: subject, id, and what was found.
-- Every invariant that stands here stands as a constraint, a trigger or a privilege as well; this is the second witness.

-- name: balance_is_the_sum_of_open_lots
select 'account' as subject, account.id::text, format('balance %s, open lots %s', account.balance, ledger_sum_of_lots(account.lots)) as found
from ledger_account as account
where account.balance <> ledger_sum_of_lots(account.lots);

-- name: balance_is_the_sum_of_transfers
select 'account', account.id::text, format('balance %s, transfers %s', account.balance, coalesce(moved.amount, 0))
from ledger_account as account
left join (
    select account_id, sum(case when credit_account = account_id then amount else -amount end) as amount
    from ledger_transfer group by account_id
) as moved on moved.account_id = account.id
where account.balance <> coalesce(moved.amount, 0);

-- name: open_lot_is_the_sum_of_its_transfers
with moved as (
    select account_id, lot_no, sum(case when credit_account = account_id then amount else -amount end) as amount
    from ledger_transfer group by account_id, lot_no
), open as (
    select account.id as account_id, lot.lot_no, lot.remaining, lot.bonus, lot.expires_on
    from ledger_account as account, unnest(account.lots) as lot
)
select 'lot', format('%s/%s', coalesce(open.account_id, moved.account_id), coalesce(open.lot_no, moved.lot_no)),
    format('open %s, transfers %s', coalesce(open.remaining, 0), coalesce(moved.amount, 0))
from open full join moved using (account_id, lot_no)
where coalesce(open.remaining, 0) <> coalesce(moved.amount, 0);

-- name: open_lot_is_as_it_was_made
select 'lot', format('%s/%s', account.id, open.lot_no),
    case when lot.lot_no is null then 'no such lot was made' else 'differs from the lot as made, or holds more' end
from ledger_account as account
cross join unnest(account.lots) as open
left join ledger_lot as lot on lot.account_id = account.id and lot.lot_no = open.lot_no
where lot.lot_no is null or lot.bonus <> open.bonus or lot.expires_on is distinct from open.expires_on
    or open.remaining > lot.amount or open.remaining <= 0;

-- name: transaction_is_the_sum_of_its_transfers
select 'transaction', format('%s/%s %s', transaction.account_id, transaction.position, transaction.id),
    format('amount %s, transfers %s', transaction.amount, coalesce(moved.amount, 0))
from ledger_transaction as transaction
left join (
    select account_id, position, abs(sum(case when credit_account = account_id then amount else -amount end)) as amount
    from ledger_transfer group by account_id, position
) as moved using (account_id, position)
where coalesce(moved.amount, 0) <> case
    when transaction.type in ('hold', 'release') then 0
    when transaction.type in ('void', 'reversal') and transaction.undoes = 'hold' then 0
    else transaction.amount end;

-- name: transfer_belongs_to_a_transaction
select 'transfer', format('%s/%s/%s', transfer.account_id, transfer.position, transfer.leg), 'no such transaction'
from ledger_transfer as transfer
left join ledger_transaction as transaction using (account_id, position)
where transaction.id is null;

-- name: transfer_names_accounts_that_exist
-- The other account is a general one, in the currency of the card holder's, and no card holder's itself.
select 'transfer', format('%s/%s/%s', transfer.account_id, transfer.position, transfer.leg),
    case
        when other.id is null then 'the other account was never opened'
        when holder.id is not null then 'the other account is a card holder''s'
        else format('the other account is of %s, its own of %s', other.currency, account.currency)
    end
from ledger_transfer as transfer
left join ledger_account as account on account.id = transfer.account_id
left join ledger_general_account as other
    on other.id = case when transfer.debit_account = transfer.account_id then transfer.credit_account else transfer.debit_account end
left join ledger_account as holder on holder.id = other.id
where other.id is null or holder.id is not null or other.currency <> account.currency;

-- name: chain_has_no_gap
select 'account', account.id::text, format('position %s, transactions %s, last %s', account.position, count(transaction.id), max(transaction.position))
from ledger_account as account
left join ledger_transaction as transaction on transaction.account_id = account.id
group by account.id, account.position
having account.position <> count(transaction.id) or account.position <> coalesce(max(transaction.position), 0);

-- name: chain_verifies
with legs as (
    select account_id, position,
        array_agg(row(lot_no, debit_account, credit_account, amount)::ledger_leg order by leg) as legs
    from ledger_transfer group by account_id, position
), chain as (
    select transaction.*, coalesce(legs.legs, '{}') as legs,
        coalesce(lag(transaction.hash) over (partition by transaction.account_id order by transaction.position), '\x') as before
    from ledger_transaction as transaction left join legs using (account_id, position)
)
select 'transaction', format('%s/%s %s', account_id, position, id), 'its hash does not follow from what is kept of it'
from chain
where hash <> ledger_chain_hash(
    before, account_id, position, id, type, amount, balance_after, held_after, original_id, origin_id, store_id,
    business_date, occurred_at, recorded_at, operator, ledger_bytes_of_legs(legs));

-- name: account_stands_at_the_end_of_its_chain
select 'account', account.id::text,
    format('balance %s, held %s; last transaction says %s, %s', account.balance, account.held, last.balance_after, last.held_after)
from ledger_account as account
left join ledger_transaction as last on last.account_id = account.id and last.position = account.position
where (account.balance, account.held, account.hash)
    is distinct from (coalesce(last.balance_after, 0), coalesce(last.held_after, 0), coalesce(last.hash, '\x'));

-- name: held_is_the_sum_of_open_holds
select 'account', account.id::text, format('held %s, open holds %s', account.held, coalesce(open.amount, 0))
from ledger_account as account
left join (
    select account_id, sum(amount) as amount from ledger_hold where resolution is null group by account_id
) as open on open.account_id = account.id
where account.held <> coalesce(open.amount, 0);

-- name: hold_is_resolved_once
select 'hold', format('%s/%s', hold.account_id, hold.id),
    format('resolution %s, transactions that resolve it %s', coalesce(hold.resolution, 'none'), count(resolved.id))
from ledger_hold as hold
left join ledger_transaction as resolved
    on resolved.account_id = hold.account_id and resolved.original_id = hold.id
    and resolved.type in ('capture', 'release', 'void', 'reversal')
group by hold.account_id, hold.id, hold.resolution
having count(resolved.id) <> case when hold.resolution is null then 0 else 1 end;

-- name: original_is_undone_once
select 'transaction', format('%s/%s', account_id, original_id), format('undone %s times', count(*))
from ledger_transaction
where type in ('void', 'reversal')
group by account_id, original_id
having count(*) > 1;

-- name: undo_and_refunds_never_exceed_the_original
select 'transaction', format('%s/%s', original.account_id, original.id),
    format('amount %s, given back %s', original.amount, sum(back.amount))
from ledger_transaction as original
join ledger_transaction as back
    on back.account_id = original.account_id and back.original_id = original.id and back.type in ('void', 'reversal', 'refund')
    and not exists (
        select from ledger_transaction as undo
        where undo.account_id = back.account_id and undo.original_id = back.id and undo.type in ('void', 'reversal'))
group by original.account_id, original.id, original.amount
having sum(back.amount) > original.amount;

-- name: approved_answer_is_posted
select 'answer', answer.id::text, 'approved and told a hash, but no transaction has it'
from ledger_answer as answer
left join ledger_transaction as transaction
    on transaction.account_id = answer.account_id and transaction.position = answer.position and transaction.id = answer.id
-- What it brought in may have gone to a shortfall in the same commit: the balance told is the one after that.
left join ledger_transaction as recovery
    on recovery.account_id = transaction.account_id and recovery.position = transaction.position + 1
    and recovery.type = 'recovery' and recovery.original_id = transaction.id
where answer.hash is not null
    and (transaction.id is null or transaction.hash <> answer.hash or transaction.amount <> answer.approved_amount
         or transaction.balance_after - coalesce(recovery.amount, 0) <> answer.balance);

-- name: daily_sums_and_outbox_are_the_transactions
with told as (
    select business_date, store_id, type, undoes, sum(count) as count, sum(amount) as amount
    from (
        select business_date, store_id, type, undoes, count, amount from ledger_daily_sum
        union all
        select business_date, store_id, type, undoes, 1, amount from ledger_outbox
    ) as both_kinds
    group by 1, 2, 3, 4
), kept as (
    select business_date, store_id, type, coalesce(undoes, '') as undoes, count(*) as count, sum(amount) as amount
    from ledger_transaction group by 1, 2, 3, 4
)
select 'daily sum', format('%s %s %s %s', business_date, store_id, type, undoes),
    format('told %s of %s, transactions %s of %s', told.count, told.amount, kept.count, kept.amount)
from told full join kept using (business_date, store_id, type, undoes)
where (told.count, told.amount) is distinct from (kept.count, kept.amount);

-- name: lot_is_as_its_transfer_made_it
-- A void may put value back into a lot, so that only the transfer of the lot's own position counts.
select 'lot', format('%s/%s', coalesce(lot.account_id, moved.account_id), coalesce(lot.lot_no, moved.lot_no)),
    case
        when lot.lot_no is null then 'no such lot was made, but value moved by it'
        else format('made of %s by %s, transfer of %s by %s', lot.amount, lot.tender, coalesce(made.amount, 0), coalesce(made.kind, 'none'))
    end
from ledger_lot as lot
full join (select distinct account_id, lot_no from ledger_transfer) as moved using (account_id, lot_no)
left join lateral (
    select sum(transfer.amount) as amount, min(source.kind) as kind
    from ledger_transfer as transfer
    join ledger_general_account as source on source.id = transfer.debit_account
    where transfer.account_id = lot.account_id and transfer.position = lot.position and transfer.lot_no = lot.lot_no
) as made on true
where lot.lot_no is null or lot.amount is distinct from made.amount or (lot.bonus and lot.campaign = '') or (
    ((made.kind <> 'adjustment' and lot.bonus is distinct from (made.kind = 'promotion')) or (not lot.bonus and lot.tender is distinct from made.kind))
    and not exists (select from ledger_lot_source as source where source.account_id = lot.account_id and source.lot_no = lot.lot_no));

-- name: posted_transaction_has_its_answer
-- Without its answer the same id could be posted again. Jobs release expired holds and expire lots, which nobody asked
-- for; a bonus and what takes it back follow from a load, which has an answer.
select 'transaction', format('%s/%s %s', transaction.account_id, transaction.position, transaction.id), 'no stored answer has its id'
from ledger_transaction as transaction
left join ledger_answer as answer on answer.id = transaction.id and answer.outcome = 'approved'
where answer.id is null and transaction.type not in ('bonus', 'expire') and transaction.undoes is distinct from 'bonus'
and not exists (
    select from ledger_hold as hold
    where hold.account_id = transaction.account_id and hold.id = transaction.original_id and hold.resolution = 'expired');

-- name: answer_that_posted_nothing_moved_nothing
select 'answer', answer.id::text, format('approved of %s, but posted nowhere', answer.approved_amount)
from ledger_answer as answer
where answer.position is null and answer.approved_amount <> 0;

-- name: move_is_posted_on_both_sides
-- One entry that gives and one that takes, of one amount, under one id; undone on both sides or on neither.
select 'move', coalesce(move.id, side.id)::text,
    case
        when move.id is null then format('%s of %s belongs to no move', side.type, side.amount)
        else format('%s: given %s, taken %s, undone %s times', move.amount, given.amount, taken.amount,
            (given.undone is not null)::int + (taken.undone is not null)::int)
    end
from ledger_move as move
full join (select distinct id, type, amount from ledger_transaction where type in ('move_out', 'move_in')) as side on side.id = move.id
left join lateral (
    select entry.amount, undo.id as undone from ledger_transaction as entry
    left join ledger_transaction as undo
        on undo.account_id = entry.account_id and undo.original_id = entry.id and undo.type in ('void', 'reversal')
    where entry.account_id = move.from_account and entry.position = move.from_position and entry.id = move.id
        and entry.type = 'move_out'
) as given on true
left join lateral (
    select entry.amount, undo.id as undone from ledger_transaction as entry
    left join ledger_transaction as undo
        on undo.account_id = entry.account_id and undo.original_id = entry.id and undo.type in ('void', 'reversal')
    where entry.account_id = move.to_account and entry.position = move.to_position and entry.id = move.id
        and entry.type = 'move_in'
) as taken on true
where move.id is null or (given.amount, taken.amount) is distinct from (move.amount::bigint, move.amount::bigint)
    or given.undone is distinct from taken.undone;

-- name: transit_is_empty_after_each_move
-- What a move, its void or a reactivation puts into the general account `move` it takes out again.
select 'transaction', transaction.id::text,
    format('left in transit: %s', sum(case when transfer.credit_account = transit.id then transfer.amount else -transfer.amount end))
from ledger_general_account as transit
join ledger_transfer as transfer on transit.id in (transfer.debit_account, transfer.credit_account)
join ledger_transaction as transaction using (account_id, position)
where transit.kind = 'move'
group by transit.id, transaction.id
having sum(case when transfer.credit_account = transit.id then transfer.amount else -transfer.amount end) <> 0;

-- name: lot_is_as_its_source_was
select 'lot', format('%s/%s', lot.account_id, lot.lot_no), format('differs from its source %s/%s', source.from_account, source.from_lot_no)
from ledger_lot_source as source
left join ledger_lot as lot on lot.account_id = source.account_id and lot.lot_no = source.lot_no
left join ledger_lot as parent on parent.account_id = source.from_account and parent.lot_no = source.from_lot_no
where (lot.bonus, lot.tender, lot.reference, lot.campaign) is distinct from (parent.bonus, parent.tender, parent.reference, parent.campaign)
    or (lot.expires_on is distinct from parent.expires_on and source.account_id <> source.from_account)
    or lot.amount > parent.amount or lot.amount is null or parent.amount is null;

-- name: rule_was_told_with_a_decline
select 'answer', told.answer_id::text, format('a rule is told of it, but it is %s', coalesce(answer.outcome, 'no answer'))
from ledger_answer_rule as told
left join ledger_answer as answer on answer.id = told.answer_id
where answer.outcome is distinct from 'declined';

-- name: counters_are_what_their_day_and_month_counted
with begun as (
    select account.id as account_id, account.counted_on,
        min(posted.position) filter (where posted.business_date = account.counted_on) as day_first,
        min(posted.position) filter (
            where date_trunc('month', posted.business_date) = date_trunc('month', account.counted_on)) as month_first
    from ledger_account as account
    join ledger_transaction as posted on posted.account_id = account.id
    where account.counted_on > '-infinity'
    group by account.id, account.counted_on
), moved as (
    -- What a posting counts, and the day of what it undoes: that of the refund's original for a refund that is undone.
    select posted.account_id, posted.position,
        case when posted.type in ('void', 'reversal', 'refund') then coalesce(first.business_date, undone.business_date) end as of_day,
        case when posted.type in ('redeem', 'capture') then posted.amount
            when coalesce(posted.undoes, '') not in ('redeem', 'capture', 'refund') then 0
            -- A refund without an original gave nothing back that a limit had counted.
            when posted.undoes = 'refund' and undone.original_id is null then 0
            when posted.undoes = 'refund' then posted.amount else -posted.amount end as redeemed,
        case when posted.type = 'load' then 1 when posted.undoes = 'load' then -1 else 0 end as loads,
        (select sum(lot.amount) from ledger_lot as lot
         where lot.account_id = posted.account_id and not lot.bonus
            and lot.position = case when posted.type = 'load' then posted.position else undone.position end) as paid
    from ledger_transaction as posted
    left join ledger_transaction as undone on undone.account_id = posted.account_id and undone.id = posted.original_id
    left join ledger_transaction as first
        on first.account_id = undone.account_id and first.id = undone.original_id and posted.undoes = 'refund'
    where posted.type in ('load', 'redeem', 'capture') or posted.undoes in ('load', 'redeem', 'capture', 'refund')
), counted as (
    select begun.account_id,
        coalesce(sum(redeemed) filter (where in_day), 0) as redeemed_today,
        coalesce(sum(redeemed) filter (where in_month), 0) as redeemed_month,
        coalesce(sum(loads * paid) filter (where in_day), 0) as loaded_today,
        coalesce(sum(loads * paid) filter (where in_month), 0) as loaded_month,
        coalesce(sum(loads) filter (where in_day and paid > 0), 0) as loads_today
    from begun
    left join lateral (
        select moved.*, moved.position >= day_first and coalesce(of_day = counted_on, true) as in_day,
            moved.position >= month_first
                and coalesce(date_trunc('month', of_day) = date_trunc('month', counted_on), true) as in_month
        from moved where moved.account_id = begun.account_id
    ) as moved on true
    group by begun.account_id
)
select 'account', account.id::text,
    format('counters %s, counted %s',
        row(account.loads_today, account.loaded_today, account.loaded_month, account.redeemed_today, account.redeemed_month),
        row(counted.loads_today, counted.loaded_today, counted.loaded_month, counted.redeemed_today, counted.redeemed_month))
from ledger_account as account
join counted on counted.account_id = account.id
where (account.loads_today, account.loaded_today, account.loaded_month, account.redeemed_today, account.redeemed_month)
    is distinct from
    (counted.loads_today, counted.loaded_today, counted.loaded_month, counted.redeemed_today, counted.redeemed_month);

-- name: shared_counter_is_the_sum_of_what_was_counted
select 'counter', format('%s %s %s', counter.kind, encode(counter.subject, 'hex'), counter.currency),
    format('says %s, counted %s',
        row(counter.loads_today, counter.loaded_today, counter.loaded_month, counter.redeemed_today, counter.redeemed_month),
        row(told.loads_today, told.loaded_today, told.loaded_month, told.redeemed_today, told.redeemed_month))
from ledger_counter as counter
cross join lateral (
    select coalesce(sum(loads) filter (where in_day), 0) as loads_today,
        coalesce(sum(loaded) filter (where in_day), 0) as loaded_today, coalesce(sum(loaded), 0) as loaded_month,
        coalesce(sum(redeemed) filter (where in_day), 0) as redeemed_today, coalesce(sum(redeemed), 0) as redeemed_month
    from (
        select counted.*, counted.counted_on = counter.counted_on as in_day
        from ledger_counted as counted
        where (counted.kind, counted.subject, counted.currency) = (counter.kind, counter.subject, counter.currency)
            and date_trunc('month', counted.counted_on) = date_trunc('month', counter.counted_on)
    ) as counted
) as told
where (counter.loads_today, counter.loaded_today, counter.loaded_month, counter.redeemed_today, counter.redeemed_month)
    is distinct from (told.loads_today, told.loaded_today, told.loaded_month, told.redeemed_today, told.redeemed_month);

-- name: counted_belongs_to_a_transaction
select 'counted', format('%s/%s %s', counted.account_id, counted.position, counted.kind), 'no such transaction'
from ledger_counted as counted
left join ledger_transaction as posted using (account_id, position)
where posted.id is null;
