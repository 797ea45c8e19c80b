"""The kinds of exception: how bad each is, and its title on screens.

Knows names; must not know how one is found. A kind of the ledger's audit has the name of its query.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prepaid.settlement.models import SettlementException

ERROR = SettlementException.Severity.ERROR
WARNING = SettlementException.Severity.WARNING


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of exception.

    `is_settled_by_note`: what a person has resolved stays resolved while the same is found. A broken ledger
    is not settled so: it comes back until it is mended.
    """

    code: str
    title: str | Promise
    severity: str = ERROR
    is_settled_by_note: bool = False


BATCH_DIFFERENCE = "batch_difference"
BATCH_MISSING_SEQUENCES = "batch_missing_sequences"
BATCH_TOLD_AGAIN = "batch_told_again"
ANSWERS_OUTSIDE_BATCHES = "answers_outside_batches"
TERMINAL_SILENT = "terminal_silent_with_queue"
TERMINAL_OFFLINE = "terminal_offline"
TERMINAL_QUEUE_OLD = "terminal_queue_old"
TERMINAL_LOCKED = "terminal_locked"
# Named after the findings that are stored with an advice.
ADVICES = {
    "advice_shortfall": _("Sold offline what the card did not have"),
    "advice_over_grant": _("Sold offline more than was allowed"),
    "advice_grant_refused": _("Sold offline without a valid grant"),
    "advice_late_counter": _("Offline tap older than one already seen"),
    "advice_unproven": _("Sold offline with a card that did not prove itself"),
    "advice_unusable": _("Sold offline with a card that may not be used"),
    "advice_declined": _("Told offline, but could not be done"),
}

# Why a card cannot be trusted (NFC-CARD-02).
CARDS = {
    "card_replayed": _("Copied card: an old tap was shown again"),
    "card_key_wrong": _("Copied card: it does not hold the card's key"),
    "card_forged": _("Forged tap of a card"),
}

KINDS = {
    kind.code: kind
    for kind in (
        Kind("balance_is_the_sum_of_open_lots", _("Balance differs from the open lots")),
        Kind("balance_is_the_sum_of_transfers", _("Balance differs from the transfers")),
        Kind("open_lot_is_the_sum_of_its_transfers", _("Lot differs from its transfers")),
        Kind("open_lot_is_as_it_was_made", _("Lot differs from the lot as made")),
        Kind("transaction_is_the_sum_of_its_transfers", _("Transaction differs from its transfers")),
        Kind("transfer_belongs_to_a_transaction", _("Transfer without a transaction")),
        Kind("transfer_names_accounts_that_exist", _("Transfer to an unknown account")),
        Kind("chain_has_no_gap", _("Transactions are missing")),
        Kind("chain_verifies", _("Hash chain is broken")),
        Kind("account_stands_at_the_end_of_its_chain", _("Account differs from its last transaction")),
        Kind("held_is_the_sum_of_open_holds", _("Held amount differs from the open holds")),
        Kind("hold_is_resolved_once", _("Hold not resolved exactly once")),
        Kind("original_is_undone_once", _("Transaction undone more than once")),
        Kind("undo_and_refunds_never_exceed_the_original", _("More given back than was taken")),
        Kind("approved_answer_is_posted", _("Approved, but not posted so")),
        Kind("daily_sums_and_outbox_are_the_transactions", _("Daily sum differs from the transactions")),
        Kind("lot_is_as_its_transfer_made_it", _("Lot differs from the transfer that made it")),
        Kind("posted_transaction_has_its_answer", _("Transaction without a stored answer")),
        Kind("answer_that_posted_nothing_moved_nothing", _("Approved, but posted nowhere")),
        Kind("move_is_posted_on_both_sides", _("Move with one side only")),
        Kind("transit_is_empty_after_each_move", _("Value left in transit")),
        Kind("lot_is_as_its_source_was", _("Moved lot differs from its source")),
        Kind("rule_was_told_with_a_decline", _("Rule told of what was not declined")),
        Kind(
            "counters_are_what_their_day_and_month_counted",
            _("Counter of a limit differs from what was posted"),
        ),
        Kind(
            "shared_counter_is_the_sum_of_what_was_counted", _("Shared counter differs from what it counted")
        ),
        Kind("counted_belongs_to_a_transaction", _("Counted without a transaction")),
        Kind("bonus_is_paid_once", _("Bonus not paid exactly once")),
        Kind("bonus_goes_back_with_its_load", _("Bonus without its top-up, or left behind by it")),
        Kind(
            "adjustment_and_unlinked_refund_are_approved",
            _("Correction or refund that no two persons approved"),
        ),
        Kind("order_is_approved", _("Order of many cards that no two persons approved")),
        Kind("import_is_approved", _("Import that no two persons approved")),
        Kind("unblock_is_approved", _("Blocked card that ran again without an approval")),
        Kind("approval_is_concluded_with_its_decision", _("Approval without what came of it")),
        Kind("open_holds_are_covered", _("Hold without value behind it")),
        Kind("shortfall_is_the_sum_of_open_shortfalls", _("Shortfall differs from the open shortfalls")),
        Kind("who_owes_has_nothing_available", _("Card owes and could pay")),
        Kind("shortfall_is_the_sum_of_its_transfers", _("Shortfall differs from its transfers")),
        Kind("advice_is_posted_once", _("Offline transaction not posted exactly once")),
        Kind(BATCH_DIFFERENCE, _("Batch totals differ"), is_settled_by_note=True),
        Kind(BATCH_MISSING_SEQUENCES, _("Sequences are missing"), WARNING, is_settled_by_note=True),
        Kind(BATCH_TOLD_AGAIN, _("Batch told again with other totals"), is_settled_by_note=True),
        Kind(ANSWERS_OUTSIDE_BATCHES, _("Transactions outside any batch"), WARNING, is_settled_by_note=True),
        *(
            Kind(code, title, WARNING if code == "advice_late_counter" else ERROR, is_settled_by_note=True)
            for code, title in ADVICES.items()
        ),
        *(Kind(code, title, is_settled_by_note=True) for code, title in CARDS.items()),
        Kind(TERMINAL_SILENT, _("Terminal silent with unsent transactions"), WARNING),
        Kind(TERMINAL_OFFLINE, _("Terminal offline"), WARNING),
        Kind(TERMINAL_QUEUE_OLD, _("Unsent transactions for too long"), WARNING),
        Kind(TERMINAL_LOCKED, _("Terminal locked: unauthorised change")),
    )
}


def kind_of(code: str) -> Kind:
    """Give the row of a kind; one that the table does not know yet is an error named after itself."""
    return KINDS.get(code) or Kind(code, code.replace("_", " ").capitalize())
