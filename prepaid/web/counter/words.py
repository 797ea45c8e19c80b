"""What states and transactions are called on screens and paper."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

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
    ("redeem", None): gettext_lazy("Purchase"),
    ("hold", None): gettext_lazy("Hold"),
    ("release", None): gettext_lazy("Release of a hold"),
    ("shortfall", None): gettext_lazy("Shortfall of an offline purchase"),
    ("recovery", None): gettext_lazy("Shortfall recovered"),
    ("void", "load"): gettext_lazy("Void of a top-up"),
    ("void", "redeem"): gettext_lazy("Void of a purchase"),
    ("reversal", "load"): gettext_lazy("Reversal of a top-up"),
    ("reversal", "redeem"): gettext_lazy("Reversal of a purchase"),
}
