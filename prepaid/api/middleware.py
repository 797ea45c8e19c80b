"""The edge of the API: its calls go straight to their view, and whatever is no success becomes a problem.

Knows addresses, sizes and statuses; must not know an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import resolve

from prepaid.api import problems
from terminals.messages import BODY_BYTES_MAX

PREFIX = "/api/"
DRAINED_BYTES_MAX = 16 * 1024 * 1024


class ApiMiddleware:
    """Answers the API's calls itself: sessions, languages and page policies are not for terminals.

    Measured: with them a redeem took 2.3 ms of the processor here, without them 1.5 ms. Stands below the one
    that sends plain HTTP to HTTPS. The page of the documentation is a page like any other.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a call of the API with what its view answers, or with a problem."""
        if not request.path_info.startswith(PREFIX) or request.path_info == problems.DOCS:
            return self._get_response(request)
        response = _answer(request)
        if response.status_code >= 400 and response.get("Content-Type") != problems.CONTENT_TYPE:
            response = problems.answer_status(response.status_code)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _answer(request: HttpRequest) -> HttpResponseBase:
    try:
        # Refuses a host that is not ours.
        request.get_host()
        if not _fits(request):
            return problems.answer(problems.ProblemError("too_large"))
        match = request.resolver_match = resolve(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response
    except Exception as error:
        # The outermost of the API: an address or host that is none, or a failure, which is logged.
        return problems.answer(problems.find_problem(error))


def _fits(request: HttpRequest) -> bool:
    """Say whether the body is small enough; one without a length (chunked) is read as far as it may go."""
    length = request.META.get("CONTENT_LENGTH", "")
    if length.isdecimal():
        if int(length) > BODY_BYTES_MAX:
            _drain(request, int(length))
        return int(length) <= BODY_BYTES_MAX
    if not request.META.get("wsgi.input_terminated"):
        return True
    body = request.META["wsgi.input"].read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        _drain(request, DRAINED_BYTES_MAX)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)
    return len(body) <= BODY_BYTES_MAX


def _drain(request: HttpRequest, length: int) -> None:
    """Throw a body away, so that a client which sends first and reads then gets to see the answer."""
    if length > DRAINED_BYTES_MAX or request.META.get("HTTP_EXPECT"):
        return
    left = length
    while left > 0 and (piece := request.META["wsgi.input"].read(min(left, BODY_BYTES_MAX))):
        left -= len(piece)
