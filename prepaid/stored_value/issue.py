"""Issue: a new account with a new card that presents it, and the secrets that are shown once.

Knows which credentials a program wants; must not know the screen or command that asks.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from prepaid.cards import lifecycle, numbers
from prepaid.cards.models import Account, Card, Credential, Holder, Program
from prepaid.cards.rules.in_force import refuse_terms
from prepaid.keys import site_keys
from prepaid.ledger.accounts import open_account
from prepaid.stored_value.answers import TransactionError
from prepaid.stored_value.requests import Origin
from prepaid.stores.models import Tap


class AlreadyBound(TransactionError):
    """The NFC card on the reader belongs to another card already; nothing was issued."""

    code = "already_bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCard:
    """A card as issued. Number, PIN and QR code are known this once; None when the same issue is repeated."""

    card: Card
    number: str | None = None
    pin: str | None = None
    qr: str | None = None


def issue(
    *,
    card_id: UUID,
    program: Program,
    origin: Origin,
    actor: str,
    at: datetime,
    holder_name: str = "",
    tap: Tap | None = None,
) -> IssuedCard:
    """Issue an active card of a program, bound to the NFC card of `tap` where one is given.

    `card_id` is made by the caller: a repeat gives the card without its secrets. Raises AlreadyBound and,
    where the rules in force forbid the program's terms, RuleRefused.
    """
    try:
        with transaction.atomic():
            found = Card.objects.filter(pk=card_id).first()
            if found is None:
                refuse_terms(program, origin.business_date_at(at))
            return (
                IssuedCard(card=found)
                if found
                else _issue_new(card_id, program, origin, actor, at, holder_name, tap)
            )
    except IntegrityError as error:
        found = Card.objects.filter(pk=card_id).first()
        if found is not None:
            return IssuedCard(card=found)
        if tap is None:
            raise
        raise AlreadyBound("This NFC card belongs to another card already. Nothing was issued.") from error


def _issue_new(
    card_id: UUID,
    program: Program,
    origin: Origin,
    actor: str,
    at: datetime,
    holder_name: str,
    tap: Tap | None,
) -> IssuedCard:
    holder = Holder.objects.create(name=holder_name) if holder_name else None
    account = Account.objects.create(program=program, holder=holder)
    open_account(account.id, currency=program.currency, at=at)
    expires_on = expiry_of_new_card(program, origin, at)
    card = Card(id=card_id, account=account, program=program, expires_on=expires_on)
    return make_card(card, origin=origin, actor=actor, at=at, tap=tap)


def expiry_of_new_card(program: Program, origin: Origin, at: datetime) -> date | None:
    """Give the day through which a card that is issued now is valid; None where it never expires."""
    return _months_after(origin.business_date_at(at), program.card_valid_months)


def make_card(card: Card, *, origin: Origin, actor: str, at: datetime, tap: Tap | None) -> IssuedCard:
    """Make a card of an account that is open: number, credentials and first events; it comes back active.

    `card` is not stored yet and has its id, account, program and expiry. Raises IntegrityError where the NFC
    card of `tap` is bound already.
    """
    program = card.program
    number, pin, qr = numbers.make_number(program.number_prefix), numbers.make_pin(), numbers.make_qr()
    card.last_four, card.issued_at, card.issued_store_id = number[-4:], at, origin.store_id
    card.save(force_insert=True)
    _bind(card, program, number=number, pin=pin, qr=qr, tap=tap)
    lifecycle.record_issue(card, actor=actor)
    lifecycle.change_state(card.id, "activate", actor=actor, at=at)
    card.refresh_from_db()
    allowed = program.allowed_credentials
    return IssuedCard(
        card=card,
        number=number if "number" in allowed else None,
        pin=pin if "number" in allowed else None,
        qr=qr if "qr" in allowed else None,
    )


def _bind(card: Card, program: Program, *, number: str, pin: str, qr: str, tap: Tap | None) -> None:
    keys = site_keys()
    lookup = keys.number_lookup(number)
    made = [
        Credential(
            card=card,
            method="number",
            lookup=lookup,
            pin_mac=keys.pin_mac(lookup, pin),
            fingerprint=keys.fingerprint("number", number.encode()),
        ),
        Credential(
            card=card,
            method="qr",
            lookup=keys.qr_lookup(qr),
            fingerprint=keys.fingerprint("qr", qr.encode()),
        ),
    ]
    if tap is not None and tap.lookup is not None:
        made.append(
            Credential(
                card=card,
                method=tap.method,
                lookup=bytes(tap.lookup),
                # The card's one PIN: each credential keeps its own MAC of it, and counts its own wrong tries.
                pin_mac=keys.pin_mac(bytes(tap.lookup), pin),
                fingerprint=None if tap.fingerprint is None else bytes(tap.fingerprint),
                counter=-1 if tap.counter is None else tap.counter,
                key_version=tap.key_version,
            )
        )
    Credential.objects.bulk_create([one for one in made if one.method in program.allowed_credentials])


def _months_after(day: date, months: int | None) -> date | None:
    if months is None:
        return None
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
