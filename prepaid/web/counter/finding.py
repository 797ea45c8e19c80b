"""Cards and receipts, found by what staff type, scan or click.

Knows credentials and stored answers; must not know screens, nor prove that a card is present.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from prepaid.cards.keys import site_keys
from prepaid.cards.models import Card
from prepaid.cards.presentation import present
from prepaid.identifiers import ids_of_rrn
from prepaid.ledger.models import LedgerAnswer
from prepaid.web.counter.commands import Sought
from terminals import messages

LISTED_MAX = 500


def find_card(ways: list[Sought]) -> tuple[Card, Sought] | None:
    """Find the first card that one of the ways names."""
    for sought in ways:
        card = _find(sought)
        if card is not None:
            return card, sought
    return None


def get_card(card_id: UUID) -> Card | None:
    """Find a card with its program and holder."""
    return _cards().filter(pk=card_id).first()


def find_answer_of_rrn(rrn: str) -> LedgerAnswer | None:
    """Find the stored answer that a receipt stands for."""
    first, last = ids_of_rrn(rrn)
    return LedgerAnswer.objects.filter(id__range=(first, last), type__isnull=False).first()


def search_cards(text: str) -> QuerySet[Card]:
    """List cards by last four digits or holder's name, newest first; all of them for an empty text."""
    cards = _cards().order_by("-issued_at", "-id")
    words = text.split()
    if not words:
        return cards
    if len(words) == 1 and words[0].isdecimal() and len(words[0]) == 4:
        return cards.filter(last_four=words[0])
    matches = Q()
    for word in words:
        matches &= Q(account__holder__name__icontains=word)
    return cards.filter(matches)


def _find(sought: Sought) -> Card | None:
    keys = site_keys()
    match sought.by:
        case "number":
            return _by_credential(
                Q(credentials__method="number", credentials__lookup=keys.number_lookup(sought.text))
            )
        case "qr":
            return _by_credential(
                Q(credentials__method="qr", credentials__lookup=keys.qr_lookup(sought.text))
            )
        case "pay_code":
            # Fresh, proven and not spent: it opens the card, and is left good for a terminal.
            shown = present(messages.PayCodeCard(code=sought.text), at=timezone.now())
            return (
                None
                if shown.refusal
                else _by_credential(
                    Q(
                        credentials__method="pay_code",
                        credentials__lookup=shown.lookup,
                        credentials__counter__lt=shown.counter,
                    )
                )
            )
        case "uid":
            uid = bytes.fromhex(sought.text)
            return _by_credential(
                Q(credentials__method="sun", credentials__lookup=keys.sun_lookup(uid))
                | Q(credentials__method="uid", credentials__lookup=keys.uid_lookup(uid))
            )
        case "rrn":
            answer = find_answer_of_rrn(sought.text)
            return None if answer is None or answer.presented_id is None else get_card(answer.presented_id)


def _by_credential(matches: Q) -> Card | None:
    return _cards().filter(matches).first()


def _cards() -> QuerySet[Card]:
    return Card.objects.select_related("program", "account__holder")
