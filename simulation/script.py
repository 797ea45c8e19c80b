"""The script: which scenes there are, how often they are played, and what each step of them must say.

Knows names and words; must not know who plays them, nor amounts.
"""

from __future__ import annotations

from typing import Literal

Scene = Literal[
    "tap", "keyed", "scan", "top_up", "top_up_void", "void", "capture", "release", "left_hold",
    "refund", "challenged", "felica", "tag", "tag_over", "pay_code", "partial", "check_in", "check_out",
    "gift", "offer", "personalise", "wrong_pin", "too_much", "over_limit", "expired_bonus",
    "replayed_sun", "copied_uid", "forged_sun", "copied_chip", "used_pay_code", "lost_card",
    "pulled_away", "cut_request", "cut_answer", "torn_tap", "reversal", "reversal_unsent",
    "kill_before", "kill_after", "race_tap", "race_keyed", "offline_tap", "offline_scan",
    "offline_keyed", "offline_top_up", "offline_over", "offline_clone", "offline_poor", "offline_lost",
    "poor_top_up",
]  # fmt: skip

ORDINARY: dict[Scene, int] = {
    "tap": 44, "keyed": 9, "scan": 9, "top_up": 10, "top_up_void": 2, "void": 5, "capture": 4, "release": 3,
    "left_hold": 3, "refund": 5, "felica": 4, "tag": 3, "pay_code": 4,
}  # fmt: skip
# Each lies once in a pack that is drawn from in every part of a day, so that a short run meets them all.
SELDOM: tuple[Scene, ...] = (
    "challenged", "felica", "tag", "tag_over", "pay_code", "partial", "check_in", "wrong_pin", "too_much",
    "over_limit", "replayed_sun", "copied_uid", "forged_sun", "copied_chip", "used_pay_code", "lost_card",
    "pulled_away", "cut_request", "cut_answer", "torn_tap", "reversal", "reversal_unsent", "kill_before",
    "kill_after",
)  # fmt: skip
OFFLINE: dict[Scene, int] = {
    "offline_tap": 40, "offline_scan": 10, "offline_keyed": 5, "offline_top_up": 5, "offline_over": 5,
}  # fmt: skip
# Once in each spell without a network.
OFFLINE_TROUBLE: tuple[Scene, ...] = ("offline_over", "offline_clone", "offline_poor", "offline_lost")

APPROVED, OFFLINE_OK, UNKNOWN, TORN = "approved", "approved offline", "unknown NET-SRV-01", "NFC-TORN-01"
UNSENT, IN_PART, REPLAYED = "not sent NET-SRV-01", "approved in part", "declined credential_replayed"

# What each scene's steps must tell, in their order.
EXPECTED: dict[Scene, tuple[str, ...]] = {
    **dict.fromkeys(ORDINARY, (APPROVED,)),
    "void": (APPROVED, APPROVED),
    "top_up_void": (APPROVED, APPROVED),
    "capture": (APPROVED, APPROVED),
    "release": (APPROVED, APPROVED),
    "challenged": (APPROVED,),
    "tag_over": ("declined pin_required", APPROVED),
    "partial": (IN_PART,),
    "check_in": (APPROVED,),
    "check_out": (APPROVED,),
    "gift": (APPROVED,),
    "offer": (APPROVED,),
    # Torn after its first block, and finished when the card is laid down again.
    "personalise": ("personalised",),
    "wrong_pin": ("declined pin_wrong",),
    "too_much": ("declined insufficient_funds",),
    "over_limit": ("declined limit_single",),
    "expired_bonus": ("declined insufficient_funds",),
    "replayed_sun": (APPROVED, REPLAYED),
    "copied_uid": ("declined card_unknown",),
    "forged_sun": ("declined credential_refused",),
    "copied_chip": ("NFC-CARD-02",),
    "used_pay_code": (APPROVED, REPLAYED),
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
# What takes its amount off the card.
SPENDS = {
    "tap", "challenged", "keyed", "scan", "felica", "tag", "tag_over", "pay_code", "gift", "replayed_sun",
    "used_pay_code", "pulled_away", "cut_request", "cut_answer", "torn_tap", "kill_before", "kill_after",
}  # fmt: skip

GOOD: dict[Scene, str] = {
    "tap": "NTAG 424 DNA tapped",
    "challenged": "tapped for more: challenged",
    "felica": "FeliCa Lite-S, challenged",
    "personalise": "FeliCa personalised, torn once",
    "tag": "NTAG215: a bare UID",
    "tag_over": "NTAG215 for more: PIN asked for",
    "keyed": "number and PIN typed",
    "scan": "printed code scanned",
    "pay_code": "phone's code scanned",
    "partial": "pays a part, the rest in cash",
    "gift": "pays with a gift's bonus",
    "top_up": "top-up",
    "offer": "top-up with bonus in two parts",
    "top_up_void": "top-up, voided",
    "void": "purchase, voided",
    "refund": "refund, at another time of day",
    "capture": "hold and capture",
    "release": "hold and release",
    "left_hold": "hold that nobody comes back for",
    "check_in": "guest checks in: hold",
    "check_out": "guest checks out: capture",
    "offline_tap": "offline: tapped",
    "offline_scan": "offline: printed code scanned",
    "poor_top_up": "top-up that repays what was lent",
}
PLANTED: dict[Scene, str] = {
    "wrong_pin": "wrong PIN typed",
    "too_much": "more than is on the card",
    "over_limit": "over the limit for one purchase",
    "expired_bonus": "bonus that has expired",
    "lost_card": "card reported lost",
    "replayed_sun": "cloned card: tap replayed",
    "copied_uid": "cloned card: UID copied",
    "copied_chip": "cloned card: fails the challenge",
    "forged_sun": "forged tap",
    "used_pay_code": "phone's code used again",
    "pulled_away": "card pulled away while read",
    "cut_request": "network cut in a request",
    "cut_answer": "network cut in an answer",
    "torn_tap": "torn tap, another card between",
    "reversal": "no answer, cancelled",
    "reversal_unsent": "nothing arrived, cancelled",
    "kill_before": "terminal killed before sending",
    "kill_after": "terminal killed before the answer",
    "race_tap": "one card at two terminals at once",
    "offline_keyed": "offline: number typed",
    "offline_top_up": "offline: top-up",
    "offline_over": "offline: over the limit",
    "offline_clone": "offline: tap replayed",
    "offline_poor": "offline: more than is on the card",
    "offline_lost": "offline: lost card",
}
