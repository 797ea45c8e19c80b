"""Names of shops' own things in the reader's language."""

from __future__ import annotations

from typing import Protocol

from django.utils.translation import get_language


class Named(Protocol):
    """Something with a name, and perhaps a Chinese one."""

    name: str
    name_zh: str


class Ruled(Protocol):
    """A rule, which says itself in both languages."""

    text: str
    text_zh: str


class Ruling(Protocol):
    """A rule with its article, in both languages."""

    text: str
    text_zh: str
    article: str
    article_zh: str


class Stated(Protocol):
    """Something that a law or a publication states."""

    article: str
    article_zh: str


def reads_chinese() -> bool:
    """Say whether the page is read in Chinese."""
    return (get_language() or "").startswith("zh")


def name_of(named: Named) -> str:
    """Give its name in the language of the page."""
    return (reads_chinese() and named.name_zh) or named.name


def text_of(rule: Ruled) -> str:
    """Give what a rule says in the language of the page."""
    return rule.text_zh if reads_chinese() else rule.text


def told_of(rule: Ruling) -> str:
    """Give what a rule says, and its article, in the language of the page."""
    return f"{text_of(rule)} ({article_of(rule)})"


def article_of(stated: Stated) -> str:
    """Name the article of a rule or rate in the language of the page."""
    return stated.article_zh if reads_chinese() else stated.article
