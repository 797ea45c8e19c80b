"""Reassignment: an account goes over to another holder by notice; the secrets of the one before are dead.

Knows holders, accounts and their cards; must not know value, which stays where it is.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from prepaid.cards.errors import CardNotFound
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Account, Card, Credential, Holder, Phone
from prepaid.cards.phones import unlink
from prepaid.cards.pins import NewSecrets, renew_pin, renew_qr, was_made


def reassign(
    card_id: UUID,
    *,
    event_id: UUID,
    holder_name: str,
    holder_phone: str = "",
    actor: str,
    at: datetime,
    reason: str,
) -> NewSecrets:
    """Give a card's account to a new holder, with a new PIN and printed code; its other cards are closed.

    The phones of the holder before are unlinked. `event_id` is made by the caller: a repeat gives the card
    without its secrets. Locks the phones, the credentials, then the account's cards. Raises CardNotFound,
    ChangeRefused; then nothing changed.
    Source: Fa Shi [2025] No. 4, art. 11 (a transfer takes effect on notice, with rename and new PIN).
    """
    with transaction.atomic():
        if was_made(event_id, card_id):
            return NewSecrets(card=Card.objects.get(pk=card_id))
        card = Card.objects.select_related("account").filter(pk=card_id).first()
        if card is None:
            raise CardNotFound(card_id)
        phones = Phone.objects.filter(card__account=card.account_id, unlinked_at=None).order_by("id")
        for phone_id in phones.values_list("id", flat=True):
            unlink(phone_id, actor=actor, at=at)
        # Credentials first, as a posting locks them; then every card of the account, in the order of ids.
        list(Credential.objects.select_for_update().filter(card__account=card.account_id).order_by("id"))
        cards = list(Card.objects.select_for_update().filter(account=card.account_id).order_by("id"))
        before = Account.objects.values_list("holder_id", flat=True).get(pk=card.account_id)
        holder = Holder.objects.create(name=holder_name, phone=holder_phone)
        change_state(
            card_id,
            "reassign",
            actor=actor,
            at=at,
            reason=reason,
            event_id=event_id,
            from_holder_id=before,
            to_holder_id=holder.pk,
        )
        Account.objects.filter(pk=card.account_id).update(holder=holder)
        for other in cards:
            if other.pk != card_id and other.state != Card.State.CLOSED:
                change_state(other.pk, "close", actor=actor, at=at, reason=reason)
        pin, qr = renew_pin(card_id), renew_qr(card_id)
        return NewSecrets(card=Card.objects.get(pk=card_id), pin=pin, qr=qr)
