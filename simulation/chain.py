"""The chain before its first day: stores, program, issued and loaded cards, enrolled terminals.

Knows the site's functions for what the office and the counter do; all that terminals do goes through the API.
"""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from prepaid.cards import keys
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Program
from prepaid.cards.offers import make_offer
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.money import Money
from prepaid.stored_value.issue import issue
from prepaid.stored_value.load import load
from prepaid.stored_value.requests import Origin, Request, origin_of_till
from prepaid.stores.enrolment import create_code
from prepaid.stores.models import Store, Tap, Terminal
from prepaid.stores.opening import open_store
from prepaid.stores.policy import Limits, set_stand_in
from simulation.cards import Facts
from simulation.line import Line, reserve_port
from simulation.plan import BONUS_MINOR, OFFER_FROM_MINOR, OFFLINE_SINGLE_MINOR, SINGLE_MAX_MINOR, Plan, Size
from simulation.till import Post
from terminals.state import StateFolder
from terminals.terminal import enrol

CURRENCY = "CNY"
TIMEZONE = "Asia/Shanghai"
ACTOR = "simulation"
NXP = b"\x04"
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
    """What is there: a post for each terminal, and for each card its facts, its id and its account."""

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
    program = Program.objects.create(
        code="CHAIN",
        name="Chain card",
        name_zh="连锁卡",
        currency=CURRENCY,
        redeem_single_max=SINGLE_MAX_MINOR,
        allowed_credentials=["sun", "number", "qr"],
    )
    facts, cards, accounts = _issue_all(program, origin_of_till(stores[0].tills.get()), plan, at)
    # After the first top-ups, which earn nothing.
    make_offer(
        code="CHAIN",
        name="Chain offer",
        program=program,
        pay_min=Money(OFFER_FROM_MINOR, CURRENCY),
        bonus=Money(BONUS_MINOR, CURRENCY),
        starts_on=at.date(),
        actor=ACTOR,
        at=at,
    )
    for card in plan.lost:
        change_state(cards[card], "report_lost", actor=ACTOR, at=at, reason="The simulation's lost card.")
    ports = [reserve_port() for _ in range(size.all_terminals)]
    posts = [
        _enrol(stores[number // size.terminals], number, folder, ports[number], site_port, at)
        for number in range(size.all_terminals)
    ]
    terminals = [Terminal.objects.get(store__code=post.name[:2], name=post.name[2:]).id for post in posts]
    return Chain(posts=posts, terminals=terminals, facts=facts, cards=cards, accounts=accounts, ports=ports)


def _open_store(number: int, at: datetime) -> Store:
    store = open_store(
        f"S{number + 1}", f"Store {number + 1}", currency=CURRENCY, timezone=TIMEZONE, tills=("Counter",)
    )
    set_stand_in(store, LIMITS, actor=ACTOR, at=at)
    return store


def _issue_all(
    program: Program, desk: Origin, plan: Plan, at: datetime
) -> tuple[list[Facts], list[UUID], list[UUID]]:
    facts, cards, accounts = [], [], []
    for number in sorted(plan.openings):
        uid = NXP + hashlib.sha256(f"simulated card {number}".encode()).digest()[:6]
        issued = issue(
            card_id=uuid7(), program=program, origin=desk, actor=ACTOR, at=at, tap=_tap_of(uid, at)
        )
        assert issued.number is not None, "the program allows numbers"
        assert issued.pin is not None, "and a number has a PIN"
        assert issued.qr is not None, "the program allows printed codes"
        version = keys.newest_version()
        facts.append(
            Facts(
                number=number,
                uid=uid,
                key_meta=keys.meta_key(version),
                key_file=keys.file_key(uid, version),
                key_challenge=keys.card_key(uid, keys.CHALLENGE, version),
                printed=issued.number,
                pin=issued.pin,
                qr=issued.qr,
            )
        )
        cards.append(issued.card.id)
        accounts.append(issued.card.account_id)
        _load(issued.card.id, plan.openings[number], desk, at)
    return facts, cards, accounts


def _tap_of(uid: bytes, at: datetime) -> Tap:
    """Describe the tap that binds a chip to the card that is issued with it; it is not stored."""
    return Tap(
        method="sun",
        lookup=site_keys().sun_lookup(uid),
        fingerprint=site_keys().fingerprint("uid", uid),
        counter=0,
        key_version=keys.newest_version(),
        at=at,
    )


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
    store: Store, number: int, folder: Path, held: socket.socket, site_port: int, at: datetime
) -> Post:
    name = f"T{number + 1}"
    port: int = held.getsockname()[1]
    code, _ = create_code(store, name=name, at=at)
    post = Post(
        name=f"{store.code}{name}", folder=folder / f"{store.code}{name}", port=port, site_port=site_port
    )
    line = Line(port, site_port)
    line.go_up()
    try:
        enrol(StateFolder(post.folder), site=f"http://127.0.0.1:{port}", code=code)
    finally:
        line.go_down()
    return post
