"""Structured header fields (RFC 8941), read strictly and written canonically, as far as signatures need them.

Knows the syntax alone; must not know what a field means. Decimals are not read: no parameter of ours is one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A bare word, which is not the same as a quoted string."""

    text: str


Bare = str | int | bytes | bool | Token
Parameters = Mapping[str, Bare]


@dataclass(frozen=True, slots=True)
class Item:
    """One value and its parameters, in the order written."""

    value: Bare
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class InnerList:
    """Values in brackets, and the parameters of the whole."""

    items: tuple[Item, ...]
    parameters: Parameters


class FieldSyntaxError(ValueError):
    """The field is not a structured field."""


_SPACES = re.compile(" *")
_BLANKS = re.compile("[ \t]*")
_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_BYTES = re.compile(":([A-Za-z0-9+/]*={0,2}):")
_TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*")
_BOOLEAN = re.compile(r"\?([01])")


def parse_dictionary(text: str) -> dict[str, Item | InnerList]:
    """Read a dictionary field; FieldSyntaxError where it is none, or where it names a member twice."""
    reader = _Reader(text.strip(" "))
    members: dict[str, Item | InnerList] = {}
    while not reader.is_at_end():
        key = reader.key()
        if key in members:
            raise FieldSyntaxError(f"{key} stands twice")
        members[key] = reader.member() if reader.skip("=") else Item(True, reader.parameters())
        reader.take(_BLANKS)
        if reader.is_at_end():
            break
        if not reader.skip(","):
            raise FieldSyntaxError("a comma is missing")
        reader.take(_BLANKS)
        if reader.is_at_end():
            raise FieldSyntaxError("a comma stands last")
    return members


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def skip(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def key(self) -> str:
        match = self.take(_KEY)
        if match is None:
            raise FieldSyntaxError("a key is missing")
        return match[0]

    def member(self) -> Item | InnerList:
        if not self.skip("("):
            return self.item()
        items: list[Item] = []
        while True:
            spaces = self.take(_SPACES)
            if self.skip(")"):
                return InnerList(tuple(items), self.parameters())
            if items and not (spaces and spaces[0]):
                raise FieldSyntaxError("a space is missing in a list")
            items.append(self.item())

    def item(self) -> Item:
        return Item(self.bare(), self.parameters())

    def parameters(self) -> dict[str, Bare]:
        found: dict[str, Bare] = {}
        while self.skip(";"):
            self.take(_SPACES)
            key = self.key()
            if key in found:
                raise FieldSyntaxError(f"the parameter {key} stands twice")
            found[key] = self.bare() if self.skip("=") else True
        return found

    def bare(self) -> Bare:
        if match := self.take(_STRING):
            return re.sub(r"\\(.)", r"\1", match[1]) if "\\" in match[1] else match[1]
        if match := self.take(_BYTES):
            return _decode(match[1])
        if match := self.take(_INTEGER):
            return int(match[0])
        if match := self.take(_BOOLEAN):
            return match[1] == "1"
        if match := self.take(_TOKEN):
            return Token(match[0])
        raise FieldSyntaxError("a value is missing")


def _decode(text: str) -> bytes:
    try:
        # Padding may be missing (RFC 8941, 4.2.7).
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except binascii.Error as error:
        raise FieldSyntaxError("not base64") from error


def serialise_inner_list(inner: InnerList) -> str:
    """Write an inner list in its canonical form."""
    items = " ".join(
        _serialise_bare(item.value) + _serialise_parameters(item.parameters) for item in inner.items
    )
    return f"({items}){_serialise_parameters(inner.parameters)}"


def _serialise_parameters(parameters: Parameters) -> str:
    return "".join(
        f";{key}" if value is True else f";{key}={_serialise_bare(value)}"
        for key, value in parameters.items()
    )


def _serialise_bare(value: Bare) -> str:
    if isinstance(value, bool):
        return "?1" if value else "?0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return f":{base64.b64encode(value).decode()}:"
    if isinstance(value, Token):
        return value.text
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
