"""What states and transactions are called on screens and paper."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

STATE_NAMES = {
    "issued": gettext_lazy("Not active"),
    "active": gettext_lazy("Active"),
    "blocked": gettext_lazy("Blocked"),
    "lost": gettext_lazy("Lost"),
    "closed": gettext_lazy("Closed"),
    "expired": gettext_lazy("Expired"),
}
STATE_TONES = {"active": "good", "issued": "warn", "closed": ""}
TYPE_NAMES: dict[tuple[str, str | None], str | Promise] = {
    ("load", None): gettext_lazy("Top-up"),
    ("import", None): gettext_lazy("Brought in from another system"),
    ("void", "import"): gettext_lazy("Taken back into the other system"),
    ("redeem", None): gettext_lazy("Purchase"),
    ("bonus", None): gettext_lazy("Bonus"),
    ("expire", None): gettext_lazy("Expired value"),
    ("hold", None): gettext_lazy("Hold"),
    ("capture", "hold"): gettext_lazy("Purchase from a hold"),
    ("release", "hold"): gettext_lazy("Release of a hold"),
    ("release", None): gettext_lazy("Release of a hold"),
    ("refund", "redeem"): gettext_lazy("Refund"),
    ("refund", "capture"): gettext_lazy("Refund"),
    ("refund", None): gettext_lazy("Refund without an original"),
    ("shortfall", None): gettext_lazy("Shortfall of an offline purchase"),
    ("recovery", None): gettext_lazy("Shortfall recovered"),
    ("void", "load"): gettext_lazy("Void of a top-up"),
    ("void", "redeem"): gettext_lazy("Void of a purchase"),
    ("void", "bonus"): gettext_lazy("Bonus taken back"),
    ("void", "hold"): gettext_lazy("Void of a hold"),
    ("void", "capture"): gettext_lazy("Void of a purchase"),
    ("void", "refund"): gettext_lazy("Void of a refund"),
    ("reversal", "bonus"): gettext_lazy("Bonus taken back"),
    ("reversal", "hold"): gettext_lazy("Reversal of a hold"),
    ("reversal", "capture"): gettext_lazy("Reversal of a purchase"),
    ("reversal", "refund"): gettext_lazy("Reversal of a refund"),
    ("reversal", "load"): gettext_lazy("Reversal of a top-up"),
    ("reversal", "redeem"): gettext_lazy("Reversal of a purchase"),
    ("move", None): gettext_lazy("Moved to another card"),
    ("move_out", None): gettext_lazy("Moved to another card"),
    ("move_in", None): gettext_lazy("Moved from another card"),
    ("void", "move"): gettext_lazy("Void of a move"),
    ("void", "move_out"): gettext_lazy("Void of a move"),
    ("void", "move_in"): gettext_lazy("Void of a move"),
    ("cash_out", None): gettext_lazy("Cash-out"),
    ("void", "cash_out"): gettext_lazy("Void of a cash-out"),
    ("card_return", None): gettext_lazy("Card return"),
    ("void", "card_return"): gettext_lazy("Void of a card return"),
    ("adjust_up", None): gettext_lazy("Correction, added"),
    ("adjust_down", None): gettext_lazy("Correction, taken"),
    ("reactivate", None): gettext_lazy("Expired value reactivated"),
}
CHANGE_NAMES: dict[str, str | Promise] = {
    "issue": pgettext_lazy("card event", "Issued"),
    "activate": gettext_lazy("Activated"),
    "block": gettext_lazy("Blocked"),
    "unblock": gettext_lazy("Unblocked"),
    "report_lost": gettext_lazy("Reported lost"),
    "recover": gettext_lazy("Found again"),
    "replace": gettext_lazy("Replaced by a new card"),
    "exchange": gettext_lazy("Exchanged for a new card"),
    "set_pin": gettext_lazy("New PIN"),
    "personalise": gettext_lazy("Blank awaited for its chip"),
    "reassign": gettext_lazy("Given to another holder"),
    "close": gettext_lazy("Closed"),
    "reopen": gettext_lazy("Opened again by a void"),
}
# Where the value of a payout went.
DESTINATION_NAMES = {
    "cash": gettext_lazy("Paid back in cash"),
    "bank_transfer": gettext_lazy("Paid back by bank transfer"),
    "promotion": gettext_lazy("Bonus taken back"),
    "fees": gettext_lazy("Retained by the store"),
}
RESOLUTION_NAMES = {
    "captured": gettext_lazy("captured"),
    "released": gettext_lazy("released"),
    "expired": gettext_lazy("hold expired"),
}
