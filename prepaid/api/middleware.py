"""The edge of the API: bodies that are too large stop here, and whatever Django answers becomes a problem.

Knows sizes and statuses; must not know an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from django.http import HttpRequest, HttpResponseBase

from prepaid.api import problems
from terminals.messages import BODY_BYTES_MAX

PREFIX = "/api/"


class ApiMiddleware:
    """Stands first, so that it sees what the other middleware answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a call of the API with what the view answers, or with a problem."""
        if not request.path_info.startswith(PREFIX):
            return self._get_response(request)
        if not _fits(request):
            return problems.answer(problems.ProblemError("too_large"))
        response = self._get_response(request)
        if response.status_code < 400 or response.get("Content-Type") == problems.CONTENT_TYPE:
            return response
        return problems.answer_status(response.status_code)


def _fits(request: HttpRequest) -> bool:
    """Say whether the body is small enough; one without a length (chunked) is read as far as it may go."""
    length = request.META.get("CONTENT_LENGTH", "")
    if length:
        return not length.isdecimal() or int(length) <= BODY_BYTES_MAX
    if not request.META.get("wsgi.input_terminated"):
        return True
    body = request.META["wsgi.input"].read(BODY_BYTES_MAX + 1)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)
    return len(body) <= BODY_BYTES_MAX
