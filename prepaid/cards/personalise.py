"""Personalisation: the intent is stored, a blank gets a card's keys through a terminal, and is bound.

Knows which card may get a chip, and which chip has one; what is said to the chip stands in personalise_*.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from prepaid.cards import (
    ev2,
    keys,
    numbers,
    personalise_desfire,
    personalise_felica,
    personalise_ntag424,
    sessions,
    template,
)
from prepaid.cards.challenge import Technology
from prepaid.cards.chips import Blank, Chip, Turn
from prepaid.cards.errors import (
    AlreadyPersonalised,
    CardUnusable,
    ForeignCard,
    NoneAwaited,
    SessionOver,
)
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Card, Credential, Personalisation, Program
from prepaid.cards.sessions import State, Step
from prepaid.keys import site_keys

_METHODS = {"ntag424": "sun", "desfire": "challenge", "felica_lite_s": "challenge"}
_BEGIN: dict[str, Callable[[Blank, bytes], Turn]] = {
    "ntag424": personalise_ntag424.begin,
    "desfire": personalise_desfire.begin,
    "felica_lite_s": personalise_felica.begin,
}
_CONTINUE: dict[str, Callable[[Blank, State, list[bytes]], Turn]] = {
    "ntag424": personalise_ntag424.go_on,
    "desfire": personalise_desfire.go_on,
    "felica_lite_s": personalise_felica.go_on,
}
_CHIP_METHODS = frozenset(_METHODS.values())
# How many calls an attempt with a fresh blank takes, its beginning included.
STEPS = {"ntag424": 11, "desfire": 9, "felica_lite_s": 4}
AWAITED_FOR = timedelta(minutes=5)
_UNUSABLE = (Card.State.BLOCKED, Card.State.LOST, Card.State.CLOSED)


def begin_personalisation(
    number: str, *, terminal_id: UUID, store_id: UUID, technology: Technology, uid: bytes, at: datetime
) -> Step:
    """Store the intent to put a card's keys onto the blank on the reader; its first commands return.

    A card gets one chip, within CARD_PERSONALISE_HOURS of its issue and at the store that issued it; later it
    is gone on with on the blank that it was begun with alone. `uid` is what the reader saw.
    Raises CardUnusable, AlreadyPersonalised.
    """
    with transaction.atomic():
        return _begin(
            _find_card(number),
            terminal_id=terminal_id,
            store_id=store_id,
            technology=technology,
            uid=uid,
            at=at,
        )


def begin_awaited(
    *, terminal_id: UUID, store_id: UUID, technology: Technology, uid: bytes, at: datetime
) -> Step:
    """Put the keys of the card that awaits a blank at this terminal onto the one on its reader.

    As `begin_personalisation`; a refusal is kept for the counter that waits. Raises NoneAwaited as well.
    """
    # The last one alone: when it is done, none that was given up before comes in its place.
    asked = Personalisation.objects.filter(terminal_id=terminal_id, awaited_until__gt=at)
    awaited = asked.order_by("-awaited_until").first()
    if awaited is None or awaited.state == Personalisation.State.DONE:
        raise NoneAwaited("No card awaits a blank at this terminal.")
    try:
        with transaction.atomic():
            return _begin(
                _lock_card(pk=awaited.card_id),
                terminal_id=terminal_id,
                store_id=store_id,
                technology=technology,
                uid=uid,
                at=at,
            )
    except (CardUnusable, AlreadyPersonalised) as refusal:
        fault = refusal.reason if isinstance(refusal, CardUnusable) else refusal.code
        Personalisation.objects.filter(pk=awaited.pk).update(fault=fault)
        raise


def await_blank(
    card_id: UUID, *, terminal_id: UUID, store_id: UUID, actor: str, at: datetime
) -> Personalisation:
    """Let the next blank on a terminal's reader become a card: for five minutes, or until another awaits one.

    Who asked stands in the card's history. Locks the card. Raises CardUnusable, AlreadyPersonalised.
    """
    with transaction.atomic():
        card = _lock_card(pk=card_id)
        _refuse_unusable(card, store_id=store_id)
        intent = _find_intent(card, at) or Personalisation(
            card=card, begun_at=at, key_version=keys.newest_version()
        )
        intent.terminal_id, intent.awaited_until = terminal_id, at + AWAITED_FOR
        intent.step, intent.step_at, intent.fault = 0, None, ""
        intent.save()
        change_state(card_id, "personalise", actor=actor, at=at)
    return intent


def takes_a_chip(program: Program) -> bool:
    """Say whether cards of a program can have a chip that proves itself."""
    return not _CHIP_METHODS.isdisjoint(program.allowed_credentials)


def may_get_a_chip(card: Card, *, store_id: UUID, at: datetime) -> bool:
    """Say whether `await_blank` would take a card now."""
    try:
        _refuse_unusable(card, store_id=store_id)
        _find_intent(card, at)
    except (CardUnusable, AlreadyPersonalised):
        return False
    return True


def _begin(
    card: Card, *, terminal_id: UUID, store_id: UUID, technology: Technology, uid: bytes, at: datetime
) -> Step:
    _refuse_unusable(card, store_id=store_id)
    intent = _intend(card, terminal_id=terminal_id, technology=technology, at=at)
    intent.step, intent.fault = 0, ""
    turn = _BEGIN[technology](_blank(intent), uid)
    _note(intent, turn, at=at)
    state = turn.state | {"intent": str(intent.id), "technology": technology, "awaited": len(turn.commands)}
    session = sessions.open_session("personalise", terminal_id=terminal_id, state=state, at=at)
    return Step(session=session, commands=turn.commands)


def continue_personalisation(
    session: UUID, *, terminal_id: UUID, responses: list[bytes], at: datetime
) -> Step:
    """Take the blank's answers: more commands return, or the version of the keys that the card now holds.

    The chip is bound to the card in the commit that ends it. Raises SessionOver, AlreadyPersonalised, and
    ForeignCard for a chip that is no blank; the session is over then, and another may begin.
    """
    failure: Exception | None = None
    with transaction.atomic():
        state = sessions.take_session(
            session, "personalise", terminal_id=terminal_id, answers=len(responses), at=at
        )
        intent = Personalisation.objects.select_for_update().get(pk=state["intent"])
        if intent.state == Personalisation.State.DONE:
            raise SessionOver("This card was personalised meanwhile.")
        try:
            with transaction.atomic():
                turn = _CONTINUE[state["technology"]](_blank(intent), state, responses)
                _note(intent, turn, at=at)
                if turn.chip is not None:
                    _bind(intent, turn.chip, at=at)
        except (ev2.AnswerForged, ev2.AnswerRefused, ForeignCard, AlreadyPersonalised) as error:
            failure = error
        if failure is not None:
            fault = AlreadyPersonalised if isinstance(failure, AlreadyPersonalised) else ForeignCard
            Personalisation.objects.filter(pk=intent.pk).update(fault=fault.code)
        if failure is not None or turn.chip is not None:
            sessions.end_session(session)
        else:
            carried = {name: state[name] for name in ("intent", "technology")}
            sessions.keep_session(session, turn.state | carried | {"awaited": len(turn.commands)})
    if isinstance(failure, AlreadyPersonalised | ForeignCard):
        raise failure
    if failure is not None:
        raise ForeignCard(f"The chip does not answer as a blank of ours does. {failure}") from failure
    if turn.chip is None:
        return Step(session=session, commands=turn.commands)
    return Step(session=session, key_version=intent.key_version, card_id=intent.card_id)


def _find_card(number: str) -> Card:
    plain = numbers.parse_number(number)
    lookup = b"" if plain is None else site_keys().number_lookup(plain)
    return _lock_card(credentials__method="number", credentials__lookup=lookup)


def _lock_card(**which: object) -> Card:
    """Find a card and lock it, so that two intents for it follow one another."""
    cards = Card.objects.select_for_update(of=("self",)).select_related("program")
    found = cards.filter(**which).first()
    if found is None:
        raise CardUnusable("card_unknown")
    return found


def _refuse_unusable(card: Card, *, store_id: UUID) -> None:
    if card.state in _UNUSABLE:
        raise CardUnusable(f"card_{card.state}")
    if not takes_a_chip(card.program):
        raise CardUnusable("type_not_allowed", "Cards of this program have no chip. Nothing was changed.")
    if card.issued_store_id not in (None, store_id):
        raise _refused_late()


def _intend(card: Card, *, terminal_id: UUID, technology: Technology, at: datetime) -> Personalisation:
    """Find the intent for a card, or store a new one where the card may still get a chip."""
    method = _METHODS[technology]
    if method not in card.program.allowed_credentials:
        raise CardUnusable(
            "type_not_allowed", f"The card's program takes no {technology}. Nothing was changed."
        )
    intent = _find_intent(card, at)
    if intent is not None:
        if intent.technology != technology:
            intent.technology, intent.uid, intent.state = technology, None, Personalisation.State.BEGUN
        intent.terminal_id = terminal_id
        intent.save(update_fields=["technology", "uid", "state", "terminal_id"])
        return intent
    return Personalisation.objects.create(
        card=card,
        terminal_id=terminal_id,
        technology=technology,
        key_version=keys.newest_version(),
        begun_at=at,
    )


def _find_intent(card: Card, at: datetime) -> Personalisation | None:
    """Find the intent that is gone on with; None where a first one may be stored. Refuses otherwise."""
    intent = Personalisation.objects.filter(card=card).first()
    if intent is not None and intent.state != Personalisation.State.DONE:
        return intent
    if intent is not None or card.credentials.filter(method__in=_CHIP_METHODS).exists():
        raise AlreadyPersonalised("This card has its chip already. Nothing was changed.")
    if _is_late(card, at):
        raise _refused_late()
    return None


def _is_late(card: Card, at: datetime) -> bool:
    return at - card.issued_at > timedelta(hours=settings.CARD_PERSONALISE_HOURS)


def _refused_late() -> CardUnusable:
    """Refuse: a number is no secret, and who learns it later must not bind a chip of his own to the card."""
    return CardUnusable(
        "credential_refused", "A card gets its chip where and when it is issued. Nothing was changed."
    )


def _blank(intent: Personalisation) -> Blank:
    return Blank(
        uid=None if intent.uid is None else bytes(intent.uid),
        version=intent.key_version,
        is_changing=intent.state == Personalisation.State.CHANGING,
        template=template.make_template(settings.CARD_URI),
    )


def _note(intent: Personalisation, turn: Turn, *, at: datetime) -> None:
    """Store which blank it is, and that its keys are about to change, before the commands go out."""
    if turn.uid is not None and (intent.uid is None or bytes(intent.uid) != turn.uid):
        if _is_late(intent.card, at):
            raise _refused_late()
        _refuse_taken(intent, turn.uid)
        intent.uid, intent.state = turn.uid, Personalisation.State.BEGUN
    if turn.changes_keys:
        intent.state = Personalisation.State.CHANGING
    intent.step, intent.step_at = intent.step + 1, at
    intent.save(update_fields=["uid", "state", "step", "step_at", "fault"])


def _refuse_taken(intent: Personalisation, uid: bytes) -> None:
    """Refuse a chip that is another card's, before a byte of it is changed."""
    lookup = _lookup(intent.technology, uid)
    if Credential.objects.filter(method=_METHODS[intent.technology], lookup=lookup).exists():
        raise AlreadyPersonalised("The chip on the reader belongs to another card. Nothing was changed.")


def _bind(intent: Personalisation, chip: Chip, *, at: datetime) -> None:
    try:
        with transaction.atomic():
            Credential.objects.create(
                card_id=intent.card_id,
                method=_METHODS[intent.technology],
                lookup=_lookup(intent.technology, chip.uid),
                counter=chip.counter,
                key_version=intent.key_version,
            )
    except IntegrityError as error:
        raise AlreadyPersonalised("The chip on the reader belongs to another card.") from error
    intent.state, intent.uid, intent.ended_at = Personalisation.State.DONE, None, at
    intent.save(update_fields=["state", "uid", "ended_at"])


def _lookup(technology: str, uid: bytes) -> bytes:
    known = site_keys()
    return known.sun_lookup(uid) if technology == "ntag424" else known.challenge_lookup(uid)
