"""Names of shops' own things in the reader's language."""

from __future__ import annotations

from typing import Protocol

from django.utils.translation import get_language


class Named(Protocol):
    """Something with a name, and perhaps a Chinese one."""

    name: str
    name_zh: str


def reads_chinese() -> bool:
    """Say whether the page is read in Chinese."""
    return (get_language() or "").startswith("zh")


def name_of(named: Named) -> str:
    """Give its name in the language of the page."""
    return (reads_chinese() and named.name_zh) or named.name
