"""Replace a lost card, exchange an expired one: a new card presents the same account, and no value moves.

Knows which card takes the place of which; the old one is closed, its credentials dead, in the same commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replaced
from uuid import UUID

from django.db import IntegrityError, transaction

from prepaid.cards.errors import CardNotFound, ChangeRefused
from prepaid.cards.lifecycle import Change, change_state
from prepaid.cards.models import Card
from prepaid.cards.rules.in_force import refuse_replacement
from prepaid.ledger.accounts import general_account_id
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import transact
from prepaid.stored_value.decline import decline
from prepaid.stored_value.issue import AlreadyBound, IssuedCard, expiry_of_new_card, make_card
from prepaid.stored_value.requests import Request
from prepaid.stores.models import Tap


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """The card that took another one's place, and the answer to a reactivation where there was one."""

    issued: IssuedCard
    reactivated: Answer | None = None


def replace(
    request: Request, card_id: UUID, *, new_card_id: UUID, reason: str, tap: Tap | None = None
) -> Successor:
    """Replace a card by a new one of the same account, bound to the NFC card of `tap` where one is given.

    The expiry stays, unless it has passed: see exchange. A lost card is replaced where its rules let it be.
    `new_card_id` is made by the caller: a repeat gives the new card without its secrets. Locks the old card.
    Raises CardNotFound, ChangeRefused, RuleRefused, AlreadyBound.
    """
    return _succeed(request, card_id, "replace", new_card_id=new_card_id, reason=reason, tap=tap)


def exchange(
    request: Request, card_id: UUID, *, new_card_id: UUID, reason: str, tap: Tap | None = None
) -> Successor:
    """Exchange an expired card for one that is valid from today, and make expired value spendable again.

    The latter where the program says so, as a transaction of the request's id. Locks the old card, then the
    account. Raises as replace does, ChangeRefused also for a card that has not expired, and TryAgain.
    """
    return _succeed(request, card_id, "exchange", new_card_id=new_card_id, reason=reason, tap=tap)


def reactivate(request: Request, card_id: UUID, *, currency: str | None = None) -> Answer:
    """Make expired value of a card's account spendable again, lot by lot. Locks the account.

    What is approved is what it adds to the balance: lots that were still open only change their expiry.
    `currency` is that of the card, where it is not the store's own: units. Raises IdReused, TryAgain.
    """
    currency = currency or request.origin.currency
    if not request.origin.trades_in(currency):
        return decline(request, "reactivate", "currency_mismatch")
    transit = general_account_id("move", owner_id=request.origin.store_id, currency=currency)
    return transact(
        "stored_value_reactivate",
        request,
        [card_id, currency, transit],
        placeholders="%s::uuid, %s::text, %s::uuid",
    )


def _succeed(
    request: Request, card_id: UUID, change: Change, *, new_card_id: UUID, reason: str, tap: Tap | None
) -> Successor:
    try:
        with transaction.atomic():
            made = _find(card_id, new_card_id)
            return made or _make(request, card_id, change, new_card_id=new_card_id, reason=reason, tap=tap)
    except (IntegrityError, ChangeRefused) as error:
        # The same change may have been made at the same moment.
        made = _find(card_id, new_card_id)
        if made is not None:
            return made
        if tap is None or isinstance(error, ChangeRefused):
            raise
        raise AlreadyBound("This NFC card belongs to another card already. Nothing was changed.") from error


def _make(
    request: Request, card_id: UUID, change: Change, *, new_card_id: UUID, reason: str, tap: Tap | None
) -> Successor:
    origin, actor, at = request.origin, request.operator, request.recorded_at
    old = Card.objects.select_related("program", "account").filter(pk=card_id).first()
    if old is None:
        raise CardNotFound(card_id)
    has_expired = old.expires_on is not None and old.expires_on < request.business_date
    if change == "exchange" and not has_expired:
        raise ChangeRefused(card_id, change=change, state=old.state)
    was = change_state(card_id, change, actor=actor, at=at, reason=reason).from_state
    if was == Card.State.LOST:
        refuse_replacement(old.program.rule_set_id, request.business_date)
    # Behind the lock on the old card's row: each card has one successor.
    if Card.objects.filter(replaces=old).exists():
        raise ChangeRefused(card_id, change=change, state="replaced")
    new = Card(
        id=new_card_id,
        account=old.account,
        program=old.program,
        expires_on=expiry_of_new_card(old.program, origin, at) if has_expired else old.expires_on,
        replaces=old,
    )
    issued = make_card(new, origin=origin, actor=actor, at=at, tap=tap)
    if not (has_expired and old.program.reactivates_expired):
        return Successor(issued=issued)
    answer = reactivate(replaced(request, note=reason), new_card_id, currency=old.program.currency)
    return Successor(issued=issued, reactivated=answer)


def _find(card_id: UUID, new_card_id: UUID) -> Successor | None:
    """Find what a repeat made before: the new card, without its secrets."""
    card = Card.objects.filter(pk=new_card_id, replaces_id=card_id).select_related("program").first()
    return None if card is None else Successor(issued=IssuedCard(card=card))
