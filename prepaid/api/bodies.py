"""Bodies: the JSON of a call is read strictly into a message, and a message is written as JSON.

Knows JSON and messages; must not know an endpoint or what a message means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.message import Message as Headers
from typing import IO, Any, TypeVar

import msgspec
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from prepaid.api.problems import ProblemError, malformed
from terminals import messages

JSON = "application/json"
# A name that was sent is told back no longer than this.
NAME_SHOWN_MAX = 120
_M = TypeVar("_M", bound=messages.Message)
_WHERE = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>`key` in )?`\$\.?(?P<field>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?:unknown|required) field `([^`]*)`")
# A clock may be wrong by years and the shop's word is still kept; beyond these no time zone can show it.
_YEAR_MIN, _YEAR_MAX = 2, 9998
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
encode = msgspec.json.Encoder().encode


class RawParser(BaseParser):
    """Gives the bytes themselves: they were signed, and the message type to read is the endpoint's."""

    media_type = JSON

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the bytes of the body."""
        return stream.read()


class MessageRenderer(BaseRenderer):
    """Writes a message; the same message is always the same bytes."""

    media_type = JSON
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the JSON of a message."""
        return encode(data)


class JsonOnly(BaseContentNegotiation):
    """JSON in, JSON out, whatever the caller says it would like."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Take a body that is JSON in UTF-8 without a content encoding; None is answered 415."""
        if request.content_type == JSON and "HTTP_CONTENT_ENCODING" not in request.META:
            return next(iter(parsers))
        headers = Headers()
        headers["Content-Type"] = request.content_type or ""
        charset = (headers.get_param("charset") or "utf-8") if headers.get_content_type() == JSON else ""
        plain = request.headers.get("Content-Encoding", "identity").strip().lower() in ("", "identity")
        return next(iter(parsers)) if plain and str(charset).lower() in ("utf-8", "utf8") else None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Answer JSON."""
        return next(iter(renderers)), JSON


def read_message(body: bytes, kind: type[_M] | Any) -> Any:
    """Read a body as a message; raises the problem `malformed` that names the field at fault."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        message = decoder.decode(body)
        json.loads(body, object_pairs_hook=_check_pairs)
    except msgspec.ValidationError as error:
        raise _name_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProblemError("malformed", "The body is not one JSON value in UTF-8.") from None
    except RecursionError:
        raise ProblemError("malformed", "The body is nested too deeply.") from None
    return message


def read_envelope(body: bytes, kind: type[_M]) -> _M:
    """Read a body whose items are left as they are, to be read one by one; raises the problem `malformed`."""
    try:
        message = msgspec.json.decode(body, type=kind)
        body.decode()
    except msgspec.ValidationError as error:
        raise _name_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProblemError("malformed", "The body is not one JSON value in UTF-8.") from None
    except RecursionError:
        raise ProblemError("malformed", "The body is nested too deeply.") from None
    return message


def find_unshowable(moments: Mapping[str, datetime | None]) -> dict[str, str]:
    """Find the moments that lie too near the end of the calendar to be kept and shown."""
    return {
        name: f"The year lies between {_YEAR_MIN} and {_YEAR_MAX}."
        for name, moment in moments.items()
        if moment is not None and not _YEAR_MIN <= moment.year <= _YEAR_MAX
    }


def _check_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what JSON allows and nobody means: a field twice, and NUL, which no column holds."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise malformed({name: "This field stands twice." for name in found if names.count(name) > 1})
    for name, value in pairs:
        if "\0" in name or (isinstance(value, str) and "\0" in value):
            raise malformed({name.replace("\0", ""): "A NUL character is not text."})
    return found


def _name_field(text: str) -> ProblemError:
    match = _WHERE.match(text)
    assert match is not None, "the pattern matches any text"
    named = _NAMED.search(match["what"])
    parts = [part for part in (match["field"], named and named[1]) if part]
    field, what = ".".join(parts)[:NAME_SHOWN_MAX] or "body", match["what"][:NAME_SHOWN_MAX]
    return ProblemError("malformed", f"{field}: {what}", errors={field: [what]})
