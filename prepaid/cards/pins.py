"""New PINs: set at the counter, shown once; the old one is dead in the same commit.

Knows credentials and the site's keys; must not know who may ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from prepaid.cards import numbers
from prepaid.cards.errors import NoPin
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Card, CardEvent, Credential
from prepaid.keys import site_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecrets:
    """A card's new PIN and printed code. They are known this once; None when the same change is repeated."""

    card: Card
    pin: str | None = None
    qr: str | None = None


def set_pin(card_id: UUID, *, event_id: UUID, actor: str, at: datetime, reason: str) -> NewSecrets:
    """Give a card a new PIN, which unlocks it as well.

    `event_id` is made by the caller: a repeat gives the card without its PIN. Locks the card's credential,
    then its row. Raises CardNotFound, ChangeRefused, NoPin; then nothing changed.
    """
    with transaction.atomic():
        if was_made(event_id, card_id):
            return NewSecrets(card=Card.objects.get(pk=card_id))
        pin = renew_pin(card_id)
        change_state(card_id, "set_pin", actor=actor, at=at, reason=reason, event_id=event_id)
        if pin is None:
            raise NoPin(card_id)
        return NewSecrets(card=Card.objects.get(pk=card_id), pin=pin)


def was_made(event_id: UUID, card_id: UUID) -> bool:
    """Say whether a change of this card was made before under this id."""
    return CardEvent.objects.filter(pk=event_id, card_id=card_id).exists()


def renew_pin(card_id: UUID) -> str | None:
    """Put a new PIN in place of a card's; None where it has no number. Locks the credential's row."""
    credential = Credential.objects.select_for_update().filter(card_id=card_id, method="number").first()
    if credential is None:
        return None
    pin = numbers.make_pin()
    mac = site_keys().pin_mac(bytes(credential.lookup), pin)
    Credential.objects.filter(pk=credential.pk).update(pin_mac=mac, pin_failures=0)
    return pin


def renew_qr(card_id: UUID) -> str | None:
    """Put a new printed code in place of a card's; None where it has none. Locks the credential's row."""
    code = numbers.make_qr()
    renewed = Credential.objects.filter(card_id=card_id, method="qr").update(
        lookup=site_keys().qr_lookup(code)
    )
    return code if renewed else None
