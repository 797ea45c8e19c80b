"""The script: which scenes there are, how often they are played, and what each step of them must say.

Knows names and words; must not know who plays them, nor amounts.
"""

from __future__ import annotations

from typing import Literal

Scene = Literal[
    "tap", "keyed", "scan", "top_up", "top_up_void", "void", "capture", "release", "left_hold",
    "refund", "challenged", "wrong_pin", "too_much", "over_limit", "replayed_sun", "copied_uid",
    "forged_sun", "copied_chip", "lost_card", "pulled_away", "cut_request", "cut_answer", "torn_tap",
    "reversal", "reversal_unsent", "kill_before", "kill_after", "race_tap", "race_keyed", "offline_tap",
    "offline_scan", "offline_keyed", "offline_top_up", "offline_over", "offline_clone", "offline_poor",
    "offline_lost", "poor_top_up",
]  # fmt: skip

ORDINARY: dict[Scene, int] = {
    "tap": 44, "keyed": 9, "scan": 9, "top_up": 10, "top_up_void": 2, "void": 5, "capture": 4, "release": 3,
    "left_hold": 3, "refund": 5, "challenged": 5,
}  # fmt: skip
TROUBLE: tuple[Scene, ...] = (
    "wrong_pin", "too_much", "over_limit", "replayed_sun", "copied_uid", "forged_sun", "copied_chip",
    "lost_card", "pulled_away", "cut_request", "cut_answer", "torn_tap", "reversal", "reversal_unsent",
    "kill_before", "kill_after",
)  # fmt: skip
OFFLINE: dict[Scene, int] = {
    "offline_tap": 40, "offline_scan": 10, "offline_keyed": 5, "offline_top_up": 5, "offline_over": 5,
}  # fmt: skip
# Once in each spell without a network.
OFFLINE_TROUBLE: tuple[Scene, ...] = ("offline_over", "offline_clone", "offline_poor", "offline_lost")

APPROVED, OFFLINE_OK, UNKNOWN, TORN = "approved", "approved offline", "unknown NET-SRV-01", "NFC-TORN-01"
UNSENT = "not sent NET-SRV-01"

# What each scene's steps must tell, in their order.
EXPECTED: dict[Scene, tuple[str, ...]] = {
    **dict.fromkeys(ORDINARY, (APPROVED,)),
    "void": (APPROVED, APPROVED),
    "top_up_void": (APPROVED, APPROVED),
    "capture": (APPROVED, APPROVED),
    "release": (APPROVED, APPROVED),
    "wrong_pin": ("declined pin_wrong",),
    "too_much": ("declined insufficient_funds",),
    "over_limit": ("declined limit_single",),
    "replayed_sun": (APPROVED, "declined credential_replayed"),
    "copied_uid": ("declined card_unknown",),
    "forged_sun": ("declined credential_refused",),
    "copied_chip": ("NFC-CARD-02",),
    "lost_card": ("declined card_lost",),
    "pulled_away": (APPROVED,),
    "cut_request": (APPROVED,),
    "cut_answer": (APPROVED,),
    "torn_tap": (UNKNOWN, TORN, APPROVED),
    "reversal": (UNKNOWN, APPROVED, APPROVED),
    "reversal_unsent": (UNKNOWN, APPROVED, "declined already_reversed"),
    "kill_before": (APPROVED,),
    "kill_after": (APPROVED,),
    # Which of the two wins is left to chance; that just one does is checked over both.
    "race_tap": (),
    "race_keyed": (),
    "offline_tap": (OFFLINE_OK,),
    "offline_scan": (OFFLINE_OK,),
    "offline_keyed": ("not sent offline_card_unchecked",),
    "offline_top_up": (UNSENT,),
    "offline_over": ("not sent offline_limit_single",),
    "offline_clone": (OFFLINE_OK, OFFLINE_OK),
    "offline_poor": (OFFLINE_OK, OFFLINE_OK),
    "offline_lost": ("not sent offline_card_hot",),
    "poor_top_up": (APPROVED,),
}
# The exception that a presentation becomes which no honest card makes.
FOUND_OUT: dict[Scene, str] = {"forged_sun": "card_forged", "copied_chip": "card_key_wrong"}
SPENDS = {
    "tap", "challenged", "keyed", "scan", "replayed_sun", "pulled_away", "cut_request", "cut_answer",
    "torn_tap", "kill_before", "kill_after", "offline_tap", "offline_scan",
}  # fmt: skip
