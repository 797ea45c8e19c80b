"""What an exception says, in the reader's language where its figures are known.

Knows words; what was found is kept by settlement, and shown as it is kept where there are no words for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from prepaid.cards.models import Card
from prepaid.money import Money, format_amount
from prepaid.settlement.kinds import (
    ADVICES,
    ANSWERS_OUTSIDE_BATCHES,
    BATCH_DIFFERENCE,
    BATCH_MISSING_SEQUENCES,
    BATCH_TOLD_AGAIN,
    TERMINAL_LOCKED,
    TERMINAL_OFFLINE,
    TERMINAL_QUEUE_OLD,
    TERMINAL_SILENT,
)
from prepaid.settlement.models import SettlementException
from prepaid.stored_value.reasons import reason_of
from prepaid.web.named import reads_chinese
from prepaid.web.templatetags.shop import since
from terminals.faults import cause_of

TYPES = {
    "load": gettext_lazy("Top-up"),
    "redeem": gettext_lazy("Redeem"),
    "hold": gettext_lazy("Hold"),
    "capture": gettext_lazy("Capture"),
    "release": gettext_lazy("Release"),
    "refund": gettext_lazy("Refund"),
    "void": gettext_lazy("Void"),
    "reversal": gettext_lazy("Reversal"),
}
SEQUENCES_SHOWN = 10
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def say(exception: SettlementException) -> list[str]:
    """Say what was found, a sentence a line."""
    sayer = _SAYERS.get(exception.kind)
    return [exception.found] if sayer is None or not exception.detail else sayer(exception.detail)


def find_cards(exceptions: Iterable[SettlementException]) -> dict[UUID, Card]:
    """Give the newest card of the account that an exception is about, by the exception's id.

    The audit names an account, and what belongs to one, by the account's id before a stroke.
    """
    first = {each.pk: each.key.partition("/")[0] for each in exceptions}
    accounts = {UUID(part) for part in first.values() if _UUID.fullmatch(part)}
    newest = {
        str(card.account_id): card for card in Card.objects.filter(account__in=accounts).order_by("issued_at")
    }
    return {pk: newest[part] for pk, part in first.items() if part in newest}


def _difference(detail: Mapping[str, Any]) -> list[str]:
    return [_batch(detail)] + [
        _("%(type)s: the terminal says %(terminal)s, the site %(site)s.")
        % {
            "type": TYPES.get(kind, kind),
            "terminal": _total(sides["terminal"], detail["currency"]),
            "site": _total(sides["site"], detail["currency"]),
        }
        for kind, sides in detail["differences"].items()
    ]


def _told_again(detail: Mapping[str, Any]) -> list[str]:
    return [_batch(detail)] + [
        _("%(type)s: told first as %(then)s, then as %(now)s; the first stands.")
        % {
            "type": TYPES.get(kind, kind),
            "then": _total(sides["then"], detail["currency"]),
            "now": _total(sides["now"], detail["currency"]),
        }
        for kind, sides in detail["told"].items()
    ]


def _missing(detail: Mapping[str, Any]) -> list[str]:
    shown = ", ".join(str(number) for number in detail["missing"][:SEQUENCES_SHOWN])
    count = detail["count"]
    more = ngettext(
        "%(count)s sequence never arrived: %(shown)s%(more)s",
        "%(count)s sequences never arrived: %(shown)s%(more)s",
        count,
    ) % {"count": f"{count:,}", "shown": shown, "more": " …" if count > SEQUENCES_SHOWN else ""}
    return [_batch(detail), more]


def _outside(detail: Mapping[str, Any]) -> list[str]:
    return [
        _("%(store)s %(terminal)s: %(count)s approved between %(first)s and %(last)s are in no batch.")
        % {
            "store": detail["store"],
            "terminal": detail["terminal"],
            "count": f"{detail['count']:,}",
            "first": detail["first_sequence"],
            "last": detail["last_sequence"],
        }
    ]


def _silent(detail: Mapping[str, Any]) -> list[str]:
    seen = parse_datetime(detail["last_seen_at"]) if detail["last_seen_at"] else None
    return [
        _("%(store)s %(terminal)s told of %(total)s not sent yet; last heard of: %(seen)s.")
        % {
            "store": detail["store"],
            "terminal": detail["terminal"],
            "total": _total(detail, detail["currency"]),
            "seen": since(seen),
        }
    ]


def _offline(detail: Mapping[str, Any]) -> list[str]:
    seen = parse_datetime(detail["last_seen_at"]) if detail["last_seen_at"] else None
    return [
        _("%(store)s %(terminal)s was last heard of %(seen)s.")
        % {"store": detail["store"], "terminal": detail["terminal"], "seen": since(seen)}
    ]


def _queue_old(detail: Mapping[str, Any]) -> list[str]:
    oldest = parse_datetime(detail["oldest_at"]) if detail["oldest_at"] else None
    return [
        _("%(store)s %(terminal)s has %(total)s unsent, the oldest of %(oldest)s.")
        % {
            "store": detail["store"],
            "terminal": detail["terminal"],
            "total": _total(detail, detail["currency"]),
            "oldest": since(oldest),
        }
    ]


def _locked(detail: Mapping[str, Any]) -> list[str]:
    return [
        _("%(store)s %(terminal)s is locked: its files or settings were changed. Look at it, then unlock it.")
        % {"store": detail["store"], "terminal": detail["terminal"]}
    ]


def _advice(detail: Mapping[str, Any]) -> list[str]:
    at = parse_datetime(detail["occurred_at"])
    card = f"•••• {detail['last_four']}" if detail["last_four"] else _("a card that is unknown here")
    lines = [
        _("%(store)s %(terminal)s, %(rrn)s: %(type)s of %(amount)s with %(card)s, %(when)s.")
        % {
            "store": detail["store"],
            "terminal": detail["terminal"],
            "rrn": detail["rrn"],
            "type": TYPES.get(detail["type"], detail["type"]),
            "amount": format_amount(Money(detail["amount"], detail["currency"])),
            "card": card,
            "when": since(at),
        }
    ]
    if detail["shortfall"]:
        amount = format_amount(Money(detail["shortfall"], detail["currency"]))
        lines.append(_("Not covered: %(amount)s. The next top-up recovers it.") % {"amount": amount})
    if detail["reason"]:
        why = reason_of(detail["reason"])
        sentence = why.zh if reads_chinese() else why.en
        lines.append(f"{detail['reason']}: {sentence.split('. ')[0].split('，')[0].rstrip('.。')}")
    if detail.get("code"):
        said = cause_of(detail["code"]).text
        lines.append(f"{detail['code']}: {said.zh if reads_chinese() else said.en}")
    return lines


def _batch(detail: Mapping[str, Any]) -> str:
    return _("%(store)s %(terminal)s, sequences %(first)s to %(last)s.") % {
        "store": detail["store"],
        "terminal": detail["terminal"],
        "first": detail["first_sequence"],
        "last": detail["last_sequence"],
    }


def _total(total: Mapping[str, int], currency: str) -> str:
    return f"{total['count']:,} ({format_amount(Money(total['amount'], currency))})"


_SAYERS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    BATCH_DIFFERENCE: _difference,
    BATCH_TOLD_AGAIN: _told_again,
    BATCH_MISSING_SEQUENCES: _missing,
    ANSWERS_OUTSIDE_BATCHES: _outside,
    TERMINAL_SILENT: _silent,
    TERMINAL_OFFLINE: _offline,
    TERMINAL_QUEUE_OLD: _queue_old,
    TERMINAL_LOCKED: _locked,
    **dict.fromkeys(ADVICES, _advice),
}
