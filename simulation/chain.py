"""The chain before its first day: stores, program, issued and loaded cards, enrolled terminals.

Knows the site's functions for what the office and the counter do; all that terminals do goes through the API.
"""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from prepaid.cards import keys, phones
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Card, Offer, Program
from prepaid.cards.offers import make_offer
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.money import Money
from prepaid.stored_value.issue import IssuedCard, issue
from prepaid.stored_value.load import load
from prepaid.stored_value.requests import Origin, Request, origin_of_till
from prepaid.stores.enrolment import create_code
from prepaid.stores.models import Store, Tap
from prepaid.stores.opening import open_store
from prepaid.stores.policy import Limits, set_stand_in
from simulation.cards import Facts, Technology
from simulation.line import Line, reserve_port
from simulation.plan import (
    BONUS_MINOR,
    CHALLENGE_ABOVE_MINOR,
    GIFT_BONUS_DAYS,
    GIFT_BONUS_MINOR,
    GIFT_MINOR,
    INSTALMENTS,
    OFFER_FROM_MINOR,
    OFFLINE_SINGLE_MINOR,
    SINGLE_MAX_MINOR,
    TAG_SINGLE_MINOR,
    Plan,
    Size,
)
from simulation.progress import show
from simulation.till import Post
from terminals.state import StateFolder
from terminals.terminal import enrol

CURRENCY = "CNY"
TIMEZONE = "Asia/Shanghai"
ACTOR = "simulation"
NXP = b"\x04"
FELICA = bytes.fromhex("012e")
LIMITS = Limits(
    per_transaction=OFFLINE_SINGLE_MINOR,
    per_card=20_000,
    per_terminal=500_000,
    count=500,
    age_s=3 * 86_400,
    floor_sun=OFFLINE_SINGLE_MINOR,
    floor_qr=3_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What is there: a post for each terminal and, last, for the spare; each card's facts, id and account."""

    posts: list[Post]
    terminals: list[UUID]
    facts: list[Facts]
    cards: list[UUID]
    accounts: list[UUID]
    # Held so that nobody else is given a line's port between two shifts.
    ports: list[socket.socket]


def open_chain(folder: Path, size: Size, plan: Plan, *, site_port: int, at: datetime) -> Chain:
    """Open the stores, issue and load every card, and enrol every terminal through its own line."""
    stores = [_open_store(number, at) for number in range(size.stores)]
    chip, gift, tag = _make_programs()
    day_before = at - timedelta(days=1)
    _make_offer(gift, "GIFT", GIFT_MINOR, GIFT_BONUS_MINOR, day_before, valid_days=GIFT_BONUS_DAYS)
    desks = [origin_of_till(store.tills.get()) for store in stores]
    issued: list[tuple[Facts, IssuedCard]] = []
    for number in sorted(plan.openings):
        show(f"Issuing card {number + 1} of {len(plan.openings)}.")
        program = gift if number in plan.people.gifts else tag if number in plan.people.tags else chip
        opens_at = day_before if program is gift else at
        # A card with a terminal of its own is issued in that terminal's store.
        desk = desks[number % size.all_terminals // size.terminals]
        issued.append(_issue(folder, plan, number, program, desk, opens_at))
        _load(issued[-1][1].card.id, plan.openings[number], desk, opens_at)
    # After the first top-ups, which earn nothing.
    _make_offer(chip, "CHAIN", OFFER_FROM_MINOR, BONUS_MINOR, at, instalments=INSTALMENTS)
    cards = [one.card for _, one in issued]
    for card in plan.people.lost:
        change_state(cards[card].id, "report_lost", actor=ACTOR, at=at, reason="The simulation's lost card.")
    ports = [reserve_port() for _ in range(size.all_terminals + 1)]
    posts = []
    for number, port in enumerate(ports):
        # The spare stands beside the terminal that it takes over from.
        is_spare = number == plan.promotion.spare
        store = stores[(plan.promotion.failed if is_spare else number) // size.terminals]
        name = "Spare" if is_spare else f"T{number + 1}"
        posts.append(_enrol(store, name, folder, port, site_port, at, standby=is_spare))
    return Chain(
        posts=posts,
        terminals=[StateFolder(post.folder).enrolment().terminal_id for post in posts],
        facts=[facts for facts, _ in issued],
        cards=[card.id for card in cards],
        accounts=[card.account_id for card in cards],
        ports=ports,
    )


def _make_programs() -> tuple[Program, Program, Program]:
    """Make the chain's own program, that of gift cards, and that of tags which anybody can copy."""
    chip = Program.objects.create(
        code="CHAIN",
        name="Chain card",
        name_zh="连锁卡",
        currency=CURRENCY,
        redeem_single_max=SINGLE_MAX_MINOR,
        challenge_above=CHALLENGE_ABOVE_MINOR,
        allowed_credentials=["sun", "challenge", "number", "qr", "pay_code"],
    )
    gift = Program.objects.create(
        code="GIFT",
        name="Gift card",
        name_zh="礼品卡",
        currency=CURRENCY,
        consumption_order=Program.ConsumptionOrder.BONUS_FIRST,
        allowed_credentials=["sun", "number"],
    )
    tag = Program.objects.create(
        code="TAG",
        name="Wristband",
        name_zh="手环",
        currency=CURRENCY,
        low_trust_single_max=TAG_SINGLE_MINOR,
        allowed_credentials=["uid", "number"],
    )
    return chip, gift, tag


def _make_offer(
    program: Program,
    code: str,
    pay_min: int,
    bonus: int,
    at: datetime,
    *,
    instalments: int = 1,
    valid_days: int | None = None,
) -> None:
    make_offer(
        code=code,
        name=f"{program.name} offer",
        program=program,
        pay_min=Money(pay_min, CURRENCY),
        bonus=Money(bonus, CURRENCY),
        instalments=instalments,
        interval=Offer.Interval.DAY,
        bonus_valid_days=valid_days,
        starts_on=at.date(),
        actor=ACTOR,
        at=at,
    )


def _open_store(number: int, at: datetime) -> Store:
    store = open_store(
        f"S{number + 1}", f"Store {number + 1}", currency=CURRENCY, timezone=TIMEZONE, tills=("Counter",)
    )
    set_stand_in(store, LIMITS, actor=ACTOR, at=at)
    return store


def _issue(
    folder: Path, plan: Plan, number: int, program: Program, desk: Origin, at: datetime
) -> tuple[Facts, IssuedCard]:
    """Issue a card, and link a phone where its holder has one; a FeliCa chip is bound by a terminal."""
    technology: Technology = "ntag424"
    if number in plan.people.felica:
        technology = "felica_lite_s"
    elif number in plan.people.tags:
        technology = "ntag215"
    uid = hashlib.sha256(f"simulated card {number}".encode()).digest()
    uid = FELICA + uid[:6] if technology == "felica_lite_s" else NXP + uid[:6]
    issued = issue(
        card_id=uuid7(), program=program, origin=desk, actor=ACTOR, at=at, tap=_tap_of(technology, uid, at)
    )
    assert issued.number is not None, "the program allows numbers"
    assert issued.pin is not None, "and a number has a PIN"
    phone = _link_phone(issued.card, at) if number in plan.people.phones else None
    version = keys.newest_version()
    facts = Facts(
        number=number,
        technology=technology,
        uid=uid,
        key_meta=keys.meta_key(version),
        key_file=keys.file_key(uid, version),
        key_challenge=keys.card_key(uid, keys.CHALLENGE, version),
        printed=issued.number,
        pin=issued.pin,
        qr=issued.qr or "",
        phone=phone.number if phone else "",
        phone_secret=phone.secret if phone else b"",
        memory=folder / f"felica-{number}.json",
    )
    return facts, issued


def _tap_of(technology: Technology, uid: bytes, at: datetime) -> Tap | None:
    """Describe the tap that binds a chip to the card that is issued with it; it is not stored."""
    if technology == "felica_lite_s":
        return None
    is_tag = technology == "ntag215"
    return Tap(
        method="uid" if is_tag else "sun",
        lookup=site_keys().uid_lookup(uid) if is_tag else site_keys().sun_lookup(uid),
        fingerprint=site_keys().fingerprint("uid", uid),
        counter=None if is_tag else 0,
        key_version=keys.newest_version(),
        at=at,
    )


def _link_phone(card: Card, at: datetime) -> phones.PhoneSecret:
    """Link a phone as its holder does with the counter's link, and give what its page keeps."""
    cookie = phones.link(phones.offer_link(card, actor=ACTOR, at=at), at=at)
    phone = phones.find_phone(cookie)
    secret = phones.give_secret(phone.id) if phone is not None else None
    assert secret is not None, "the phone was linked a moment ago"
    return secret


def _load(card_id: UUID, amount_minor: int, desk: Origin, at: datetime) -> None:
    transaction_id = uuid7()
    request = Request(
        id=transaction_id,
        origin=desk,
        digest=site_keys().content_digest(transaction_id.bytes),
        occurred_at=at,
        recorded_at=at,
        operator=ACTOR,
    )
    answer = load(request, at_the_desk(card_id), Money(amount_minor, CURRENCY), tender="cash")
    assert answer.approved, f"the first top-up was declined: {answer.reason}"


def _enrol(
    store: Store, name: str, folder: Path, port: socket.socket, site_port: int, at: datetime, *, standby: bool
) -> Post:
    number: int = port.getsockname()[1]
    code, _ = create_code(store, name=name, standby=standby, at=at)
    post = Post(
        name=f"{store.code}{name}", folder=folder / f"{store.code}{name}", port=number, site_port=site_port
    )
    line = Line(number, site_port)
    line.go_up()
    try:
        enrol(StateFolder(post.folder), site=f"http://127.0.0.1:{number}", code=code)
    finally:
        line.go_down()
    return post
