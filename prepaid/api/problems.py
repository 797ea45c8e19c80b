"""Problems: every answer of the API that is not a success, in the form of RFC 9457.

Knows the table of problems and which error becomes which; must not know an endpoint.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil
from typing import Any

import msgspec
import psycopg
from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions as drf

from prepaid.api.signatures import ACCEPTED
from prepaid.cards.errors import (
    AlreadyPersonalised,
    CardUnusable,
    ForeignCard,
    NoneAwaited,
    ProofRefused,
    SessionOver,
)
from prepaid.ledger.errors import IdReused, PrepaidError, SequenceReused, TryAgain
from prepaid.settlement.errors import BatchOverlaps, BatchReused
from prepaid.stored_value.answers import Refused
from prepaid.stores.errors import EnrolmentRefused
from terminals import messages

logger = logging.getLogger("prepaid.api")

CONTENT_TYPE = "application/problem+json"
DOCS = "/api/v1/docs"
RETRY_AFTER_S = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its stable code, its status and what it says of itself."""

    code: str
    status: int
    title: str


KINDS = (
    Kind("malformed", 400, "The request is not as the documentation asks."),
    Kind("bad_signature", 401, "The call is not signed by a terminal that is known here."),
    Kind("SW-CLK-01", 401, "The terminal's clock is more than five minutes off; the site's time is in Date."),
    Kind("terminal_retired", 403, "This terminal was retired."),
    Kind("SW-TAMP-01", 403, "This terminal is locked."),
    Kind("terminal_standby", 403, "This terminal is a standby that was not promoted."),
    Kind("recovery_refused", 422, "The transaction is younger than the terminal's replacement."),
    Kind("enrolment_refused", 403, "The code was used, has expired or was never given."),
    Kind("not_found", 404, "There is nothing here."),
    Kind("method_not_allowed", 405, "This address does not take this method."),
    Kind("too_large", 413, "The body is over 256 KiB."),
    Kind("unsupported_media_type", 415, "Bodies are application/json in UTF-8, with no other encoding."),
    Kind("id_reused", 422, "The id was used with other content. Nothing moved."),
    Kind("sequence_reused", 422, "The sequence belongs to another transaction. Nothing moved."),
    Kind("batch_overlaps", 422, "Some of the range is in a batch that is closed already."),
    Kind("batch_reused", 422, "The batch was closed with other totals; the first ones stand."),
    Kind("card_refused", 422, "The card cannot be told about; the code says why."),
    Kind("NFC-CARD-01", 422, "The chip on the reader cannot be made one of our cards."),
    Kind(
        "NFC-CARD-02", 422, "The card did not prove itself. Nothing moved; keep the card, call the manager."
    ),
    Kind("already_bound", 422, "The chip or the card has its counterpart already. Nothing was changed."),
    Kind("rate_limited", 429, "Too many calls; wait as long as Retry-After says."),
    Kind("failure", 500, "The site failed. The same id finds out what happened."),
    Kind("try_again", 503, "The site cannot answer now. Repeat with the same id."),
    Kind("not_ready", 503, "A part of the site is not ready."),
)
_BY_CODE = {kind.code: kind for kind in KINDS}
# What a status means that was decided outside our views.
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 503: "try_again"}
_ANSWERED_BY_CODE = (
    IdReused,
    SequenceReused,
    EnrolmentRefused,
    BatchOverlaps,
    BatchReused,
    SessionOver,
    NoneAwaited,
    ProofRefused,
    ForeignCard,
    AlreadyPersonalised,
)
_OUTAGES = (TryAgain, OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


class ProblemError(PrepaidError):
    """A call is answered with a problem. `errors` maps fields to messages."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        code_shown: str = "",
    ) -> None:
        super().__init__(detail)
        self.kind = _BY_CODE[code]
        self.code = code_shown or code
        self.detail = detail
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})


def malformed(errors: Mapping[str, str]) -> ProblemError:
    """Make the problem of fields that are not as they must be."""
    detail = " ".join(f"{name}: {text}" for name, text in errors.items())
    return ProblemError("malformed", detail, errors={name: [text] for name, text in errors.items()})


def unsigned(code: str = "bad_signature") -> ProblemError:
    """Make a 401: how to sign stands in Accept-Signature, the site's time in Date."""
    now = formatdate(time.time(), usegmt=True)
    headers = {"WWW-Authenticate": "Signature", "Accept-Signature": ACCEPTED, "Date": now}
    return ProblemError(code, headers=headers)


def find_problem(error: Exception) -> ProblemError:
    """Find the problem that an error is answered with; `failure` where no one foresaw it."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, _ANSWERED_BY_CODE):
        return ProblemError(error.code, str(error))
    if isinstance(error, Refused | CardUnusable):
        return ProblemError("card_refused", str(error), code_shown=error.reason)
    if isinstance(error, _OUTAGES):
        logger.warning("api_try_again", extra={"cause": type(error).__name__})
        return ProblemError("try_again", headers={"Retry-After": str(RETRY_AFTER_S)})
    if isinstance(error, DataError | psycopg.DataError):
        # A value that the messages let through and a column cannot hold: refused, and ours to mend.
        logger.error("api_value_not_storable", exc_info=error)
        return ProblemError("malformed", "A value cannot be stored.")
    known = _find_of_framework(error)
    if known is None:
        logger.error("api_failure", exc_info=error)
        return ProblemError("failure")
    return known


def _find_of_framework(error: Exception) -> ProblemError | None:
    match error:
        case drf.UnsupportedMediaType():
            return ProblemError("unsupported_media_type")
        case drf.Throttled():
            return ProblemError(
                "rate_limited", headers={"Retry-After": str(max(1, ceil(getattr(error, "wait", None) or 0)))}
            )
        case drf.MethodNotAllowed():
            return ProblemError("method_not_allowed")
        case Http404() | drf.NotFound():
            return ProblemError("not_found")
        case RequestDataTooBig():
            return ProblemError("too_large")
        case DisallowedHost():
            return ProblemError("malformed", "This site does not answer to that host (ALLOWED_HOSTS).")
        case UnreadablePostError() | SuspiciousOperation() | drf.ParseError():
            return ProblemError("malformed")
    return None


def body_of(problem: ProblemError) -> messages.Problem:
    """Write a problem as the message that is sent."""
    kind = problem.kind
    return messages.Problem(
        type=f"{DOCS}#{kind.code}",
        title=kind.title,
        status=kind.status,
        code=problem.code,
        detail=problem.detail,
        errors=problem.errors,
    )


def answer(problem: ProblemError) -> HttpResponse:
    """Answer with a problem, outside a view."""
    return HttpResponse(
        msgspec.json.encode(body_of(problem)),
        status=problem.kind.status,
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )


def answer_error(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Answer an error that a view raised: the exception handler of the views."""
    response = answer(find_problem(error))
    if response.status_code == 405:
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def answer_status(status: int) -> HttpResponse:
    """Answer with the problem of a status that was decided outside our views."""
    return answer(ProblemError(_BY_STATUS.get(status, "failure" if status >= 500 else "malformed")))
