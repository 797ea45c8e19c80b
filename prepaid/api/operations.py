"""The table of endpoints, of which routes, document and page are made.

Knows names and types; must not know how an endpoint does its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rest_framework.views import APIView

from prepaid.api import card_views, views
from terminals import advices, card_steps, messages

ENROLMENT = "Enrolment and health"
CARDS = "Cards"
TRANSACTIONS = "Transactions"
SIGNED = ("bad_signature", "SW-CLK-01", "terminal_retired", "SW-TAMP-01")
BODY = ("malformed", "too_large", "unsupported_media_type")
ALWAYS = ("failure", "try_again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One endpoint; `path` is below /api/v1/, `answers` are the successes by status."""

    method: Literal["get", "post"]
    path: str
    view: type[APIView]
    group: str
    summary: str
    request: Any = None
    answers: dict[int, Any]
    problems: tuple[str, ...] = ()
    is_signed: bool = True
    # Whole numbers that may follow the question mark.
    query: tuple[str, ...] = ()

    @property
    def operation_id(self) -> str:
        """Name the operation, for client generators and for links."""
        words = [word for word in self.path.replace("{", "").replace("}", "").split("/") if word]
        return "_".join([self.method, *words])

    @property
    def problem_codes(self) -> tuple[str, ...]:
        """List the codes of its problems, those that all endpoints share included."""
        signed = SIGNED if self.is_signed else ()
        body = BODY if self.request is not None else ()
        return (*signed, *body, *self.problems, *ALWAYS)


OPERATIONS = (
    Operation(
        method="post",
        path="terminals/enrol",
        view=views.EnrolView,
        group=ENROLMENT,
        summary="Enrol a terminal with a code that is good once, for 15 minutes. Not signed.",
        request=messages.EnrolRequest,
        answers={201: messages.Enrolled},
        problems=("enrolment_refused",),
        is_signed=False,
    ),
    Operation(
        method="get",
        path="terminals/policy",
        view=views.PolicyView,
        group=ENROLMENT,
        summary="What the terminal may do by itself: stand-in limits, floor of the challenge, versions.",
        answers={200: dict[str, Any]},
    ),
    Operation(
        method="get",
        path="terminals/hot-list",
        view=views.HotListView,
        group=ENROLMENT,
        summary="Fingerprints of cards that must not be accepted offline: what changed since a version.",
        answers={200: advices.HotList},
        problems=("malformed",),
        query=("since",),
    ),
    Operation(
        method="post",
        path="terminals/heartbeat",
        view=views.HeartbeatView,
        group=ENROLMENT,
        summary="Tell how the terminal is, every minute or so.",
        request=messages.Heartbeat,
        answers={200: messages.HeartbeatAnswer},
    ),
    Operation(
        method="post",
        path="cards/inquiry",
        view=views.InquiryView,
        group=CARDS,
        summary="Ask for a card's balance. Moves nothing; shows the card on the counter that is paired.",
        request=messages.InquiryRequest,
        answers={200: messages.Inquiry},
        problems=("card_refused", "rate_limited", "terminal_standby"),
    ),
    Operation(
        method="post",
        path="cards/challenge",
        view=card_views.ChallengeView,
        group=CARDS,
        summary="Begin to have a card prove itself. The site makes the commands, the terminal carries them.",
        request=card_steps.ChallengeRequest,
        answers={200: card_steps.CardStep},
        problems=("card_refused", "NFC-CARD-02", "rate_limited"),
    ),
    Operation(
        method="post",
        path="cards/challenge/{session}",
        view=card_views.ChallengeStepView,
        group=CARDS,
        summary="Give the card's answers: more commands, or the token to pay with. A wrong answer ends it.",
        request=card_steps.CardResponses,
        answers={200: card_steps.CardStep},
        problems=("not_found", "NFC-CARD-02"),
    ),
    Operation(
        method="post",
        path="cards/personalise",
        view=card_views.PersonaliseView,
        group=CARDS,
        summary="Begin to put a card's keys onto a blank, or go on: by number, or what the counter awaits.",
        request=card_steps.PersonaliseRequest,
        answers={200: card_steps.CardStep},
        problems=("card_refused", "not_found", "already_bound", "NFC-CARD-01", "rate_limited"),
    ),
    Operation(
        method="post",
        path="cards/personalise/{session}",
        view=card_views.PersonaliseStepView,
        group=CARDS,
        summary="Give the blank's answers: more commands, or the card that is done.",
        request=card_steps.CardResponses,
        answers={200: card_steps.CardStep},
        problems=("not_found", "already_bound", "NFC-CARD-01"),
    ),
    Operation(
        method="post",
        path="transactions",
        view=views.TransactionsView,
        group=TRANSACTIONS,
        summary="Make a transaction. A decline is a stored answer too: 201 at first, 200 for each repeat.",
        request=messages.Transaction,
        answers={201: messages.Answer, 200: messages.Answer},
        problems=("id_reused", "sequence_reused", "terminal_standby", "recovery_refused"),
    ),
    Operation(
        method="post",
        path="transactions/advices",
        view=views.AdvicesView,
        group=TRANSACTIONS,
        summary="Tell what was approved offline, oldest first. Recorded, never declined, each item alone.",
        request=advices.Advices,
        answers={200: advices.AdvicesAnswer},
    ),
    Operation(
        method="get",
        path="transactions/{transaction_id}",
        view=views.TransactionView,
        group=TRANSACTIONS,
        summary="Give the stored answer of one's own transaction: the query for an unknown outcome.",
        answers={200: messages.Answer},
        problems=("not_found",),
    ),
    Operation(
        method="post",
        path="batches/close",
        view=views.BatchCloseView,
        group=TRANSACTIONS,
        summary="Close the terminal's batch and compare its totals with the site's.",
        request=messages.BatchClose,
        answers={200: messages.BatchAnswer},
        problems=("batch_overlaps", "batch_reused"),
    ),
)
