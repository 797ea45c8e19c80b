"""The identity of a holder: recorded where a rule asks for it, its number sealed, one holder to a number.

Knows documents and holders; must not know when a rule asks, nor a screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from django.db import IntegrityError, transaction
from stdnum.cn import ric, uscc

from prepaid.cards.errors import CardError
from prepaid.cards.models import Account, Holder
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys

Document = Literal["resident_id", "passport", "business_licence", "other"]
NUMBER_LENGTHS = range(5, 31)
TAIL = 4


class IdentityRefused(CardError):
    """The identity is not whole or not possible; `field` says what is wrong. Nothing was recorded."""

    code = "identity_refused"

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


class IdentityTaken(CardError):
    """The account or the number is another holder's; nothing was recorded."""

    code = "identity_taken"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Identity:
    """Who buys, as their document says, and the agent who acts for them. It has no repr, for logs."""

    kind: Literal["person", "organisation"]
    name: str
    document: Document
    number: str
    phone: str
    agent_name: str = ""
    agent_number: str = ""
    agent_phone: str = ""


def identify(account_id: UUID, identity: Identity, *, by: str, at: datetime) -> Holder:
    """Record who holds an account: the holder of that number, or a new one. A repeat changes nothing.

    Locks the account's row, then the holder's. Raises IdentityRefused and IdentityTaken.
    """
    number = checked_number(identity)
    lookup = site_keys().identity_lookup(identity.document, number)
    try:
        with transaction.atomic():
            account = Account.objects.select_for_update().get(pk=account_id)
            before = account.holder
            if before is not None and before.identified_at is not None:
                if bytes(before.id_number_lookup or b"") != lookup:
                    raise IdentityTaken("This account's holder is identified already, by another number.")
                return before
            known = Holder.objects.filter(id_number_lookup=lookup).first()
            if known is not None and known.name.casefold() != identity.name.strip().casefold():
                raise IdentityTaken("This number is recorded under another name.")
            holder = known or _record(before or Holder(id=uuid7()), identity, number, lookup, by, at)
            if account.holder_id != holder.id:
                account.holder = holder
                account.save(update_fields=["holder"])
            return holder
    except IntegrityError as error:
        raise IdentityTaken("This number was recorded by somebody else just now: try again.") from error


def record_holder(identity: Identity, *, by: str, at: datetime) -> Holder:
    """Give the holder whom a number belongs to, recorded now where it is new: the buyer of an order.

    Raises IdentityRefused and IdentityTaken.
    """
    number = checked_number(identity)
    lookup = site_keys().identity_lookup(identity.document, number)
    known = Holder.objects.filter(id_number_lookup=lookup).first()
    if known is not None:
        if known.name.casefold() != identity.name.strip().casefold():
            raise IdentityTaken("This number is recorded under another name.")
        return known
    try:
        with transaction.atomic():
            return _record(Holder(id=uuid7()), identity, number, lookup, by, at)
    except IntegrityError as error:
        raise IdentityTaken("This number was recorded by somebody else just now: try again.") from error


def checked_number(identity: Identity) -> str:
    """Give a document's number as it is kept: no blanks, capitals. Raises IdentityRefused."""
    if not identity.name.strip():
        raise IdentityRefused("The name is missing.", field="name")
    if not identity.phone.strip():
        raise IdentityRefused("The contact is missing.", field="phone")
    number = "".join(identity.number.split()).replace("-", "").upper()
    fits = number.isascii() and number.isalnum() and len(number) in NUMBER_LENGTHS
    if identity.document == "resident_id":
        fits = ric.is_valid(number)
    elif identity.document == "business_licence":
        fits = uscc.is_valid(number)
    if not fits or identity.document not in get_args(Document):
        raise IdentityRefused("This is not a number of such a document: read it again.", field="number")
    return number


def read_number(holder: Holder) -> str:
    """Read a holder's ID number, for a register that an authority asks for; empty where there is none."""
    sealed = holder.id_number_sealed
    return "" if sealed is None else site_keys().unseal(bytes(sealed), of=holder.id.bytes)


def read_agent_number(holder: Holder) -> str:
    """Read the ID number of a holder's agent; empty where there is none."""
    sealed = holder.agent_id_number_sealed
    return "" if sealed is None else site_keys().unseal(bytes(sealed), of=b"agent" + holder.id.bytes)


def _record(holder: Holder, identity: Identity, number: str, lookup: bytes, by: str, at: datetime) -> Holder:
    keys = site_keys()
    agent_number = "".join(identity.agent_number.split()).upper()
    holder.kind = identity.kind
    holder.name = identity.name.strip()
    holder.phone = identity.phone.strip()
    holder.id_document = identity.document
    holder.id_number_lookup = lookup
    holder.id_number_sealed = keys.seal(number, of=holder.id.bytes)
    holder.id_number_tail = number[-TAIL:]
    holder.agent_name = identity.agent_name.strip()
    holder.agent_phone = identity.agent_phone.strip()
    if agent_number:
        holder.agent_id_number_sealed = keys.seal(agent_number, of=b"agent" + holder.id.bytes)
    holder.identified_at = at
    holder.identified_by = by
    holder.save()
    return holder
