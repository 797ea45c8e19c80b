"""Card holders' phones: linked once by a link that staff showed, known by a cookie, unlinked for good.

Knows links, cookies and the credential that a phone's pay codes present; must not know HTTP nor value.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from prepaid.cards import pay_codes
from prepaid.cards.errors import CardError
from prepaid.cards.models import Card, Credential, Phone
from prepaid.keys import site_keys

LINK_VALID = timedelta(minutes=15)
TOKEN_BYTES = 24
NUMBER_TRIES_MAX = 5


class LinkRefused(CardError):
    """A link was used, has expired or never was: one answer for all three."""

    code = "link_refused"

    def __init__(self) -> None:
        super().__init__("This link was used before or has expired.")


@dataclass(frozen=True, slots=True, repr=False)
class PhoneSecret:
    """What a phone keeps to make its codes: the number that names it, and the secret. No repr, for logs."""

    number: str
    secret: bytes


def offer_link(card: Card, *, actor: str, at: datetime) -> str:
    """Make a one-time link of a card, valid for 15 minutes; the token in it is known this once."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    Phone.objects.create(
        card=card,
        link_hash=site_keys().phone_hash(token),
        link_expires_at=at + LINK_VALID,
        offered_at=at,
        offered_by=actor,
    )
    return token


def link(token: str, *, at: datetime) -> str:
    """Use a link up and give the cookie by which the phone is known from now on. Raises LinkRefused.

    Of two phones that open one link at the same moment, one is linked: the update is conditional.
    """
    cookie = secrets.token_urlsafe(TOKEN_BYTES)
    keys = site_keys()
    linked = Phone.objects.filter(
        link_hash=keys.phone_hash(token),
        linked_at__isnull=True,
        unlinked_at__isnull=True,
        link_expires_at__gt=at,
    ).update(linked_at=at, cookie_hash=keys.phone_hash(cookie))
    if not linked:
        raise LinkRefused
    return cookie


def find_phone(cookie: str) -> Phone | None:
    """Find the linked phone of a cookie, with its card and program."""
    phones = Phone.objects.select_related("card__program", "card__account__holder")
    return phones.filter(cookie_hash=site_keys().phone_hash(cookie), unlinked_at__isnull=True).first()


def give_secret(phone_id: UUID) -> PhoneSecret | None:
    """Give a linked phone a new number and secret; its earlier ones make no valid codes from now on.

    None where the phone was unlinked meanwhile. Locks the phone's row.
    """
    keys = site_keys()
    for _ in range(NUMBER_TRIES_MAX):
        number = pay_codes.make_phone_number()
        try:
            with transaction.atomic():
                phone = (
                    Phone.objects.select_for_update().filter(pk=phone_id, unlinked_at__isnull=True).first()
                )
                if phone is None or phone.linked_at is None:
                    return None
                earlier = phone.credential_id
                phone.credential = Credential.objects.create(
                    card_id=phone.card_id,
                    method=Credential.Method.PAY_CODE,
                    lookup=keys.pay_code_lookup(number),
                )
                phone.save(update_fields=["credential"])
                if earlier is not None:
                    Credential.objects.filter(pk=earlier).delete()
        except IntegrityError:
            # Another phone has this number.
            continue
        return PhoneSecret(number, keys.pay_code_secret(number))
    raise RuntimeError("no free number for a phone was found")


def unlink(phone_id: UUID, *, actor: str, at: datetime) -> bool:
    """Unlink a phone, or take an unused link back; False where that was done before. Locks its row."""
    with transaction.atomic():
        phone = Phone.objects.select_for_update().filter(pk=phone_id, unlinked_at__isnull=True).first()
        if phone is None:
            return False
        credential_id, phone.credential = phone.credential_id, None
        phone.unlinked_at, phone.unlinked_by = at, actor
        phone.save(update_fields=["credential", "unlinked_at", "unlinked_by"])
        if credential_id is not None:
            Credential.objects.filter(pk=credential_id).delete()
    return True


def list_phones(card_id: UUID, *, at: datetime) -> list[Phone]:
    """List a card's linked phones and its links that can still be used, newest first."""
    usable = Q(linked_at__isnull=False) | Q(link_expires_at__gt=at)
    return list(Phone.objects.filter(usable, card_id=card_id, unlinked_at__isnull=True))
