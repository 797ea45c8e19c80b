"""Offline sales of a real agent reach the real site: shuffled, doubled, cut short, each is posted once."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection

from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Credential
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import issue
from terminals import messages
from terminals.errors import ConnectionFault
from terminals.terminal import Terminal
from tests.journey.cutting import CuttingProxy
from tests.offline import LIMITS, allow
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, open_shop
from tests.terminals.offline import cut
from tests.terminals.real_site import enrolled, real_site

pytestmark = pytest.mark.long
ADVICES = 5_000
CARDS = 25
SALES_A_CALL = 400
MANY = replace(
    LIMITS, per_transaction=10**6, per_card=10**9, per_terminal=10**9, count=5_000, floor_sun=10**6,
    floor_qr=10**6,
)  # fmt: skip


@pytest.fixture
def address(scratch_db: str) -> Iterator[str]:
    with real_site() as served:
        yield served


def open_offline_shop() -> Shop:
    shop = open_shop()
    shop.at = datetime.now(UTC)
    allow(shop, MANY)
    return shop


def hand_out(shop: Shop, count: int, balance: int) -> list[tuple[HeldCard, messages.QrCard]]:
    """Issue cards with printed codes and value on them."""
    handed = []
    for _ in range(count):
        made = issue(card_id=uuid7(), program=shop.program, origin=shop.counter, actor="test", at=shop.at)
        held = HeldCard(card=made.card, credential=Credential.objects.get(card=made.card, method="qr"))
        if balance:
            assert shop.load_at_desk(held, balance, origin=shop.counter, sequence=None).approved
        assert made.qr is not None
        handed.append((held, messages.QrCard(code=made.qr, entry="scan")))
    return handed


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def posted(terminal: Terminal, kind: str) -> Counter[str]:
    """Count the postings of a terminal by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id::text from ledger_transaction where origin_id = %s and type = %s",
            [terminal.enrolment.terminal_id, kind],
        )
        return Counter(row[0] for row in cursor.fetchall())


def test_five_thousand_advices_shuffled_duplicated_and_cut_short_are_each_posted_once(
    address: str, tmp_path: Path
) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    shop = open_offline_shop()
    # The last card has nothing on it: all that it spends is its shortfall.
    handed = [*hand_out(shop, CARDS - 1, 10**6), *hand_out(shop, 1, 0)]
    state = tmp_path / "state"
    with CuttingProxy(port_of(address)) as network, enrolled(shop, network.address, state) as agent:
        online = agent.connection.port
        cut(agent)
        spent: Counter[UUID] = Counter()
        amounts: dict[str, int] = {}
        for place in range(ADVICES):
            held, card = handed[CARDS - 1 if place % 500 == 0 else chance.randrange(CARDS - 1)]
            entry = agent.transactions.redeem(card, 1 + place % 97)
            assert entry.state == "stand_in", entry.code
            spent[held.account_id] += 1 + place % 97
            amounts[str(entry.id)] = 1 + place % 97

        # Part is told in a mess, by hand: any order, some twice, and often without hearing the answer.
        agent.connection.port = online
        entries = [(entry.id, entry.body or b"") for entry in agent.journal.list_stand_in(ADVICES)]
        mess = chance.sample(entries, ADVICES // 2)
        mess += chance.sample(mess, ADVICES // 10)
        chance.shuffle(mess)
        for place in range(0, len(mess), SALES_A_CALL):
            if place % (2 * SALES_A_CALL):
                network.cutting.set()
            try:
                agent.site.post_advices(mess[place : place + SALES_A_CALL // 2])
            except ConnectionFault:
                network.cutting.clear()
        assert network.cuts > 0

        # And then as the agent does it, until everything is told.
        network.cutting.clear()
        agent.transactions.upload()

        assert agent.journal.queue().count == 0
        told = {entry.id: entry for entry in agent.journal.list_last(ADVICES)}
        assert {entry.answer.outcome for entry in told.values() if entry.answer} == {"approved"}
        assert len(told) == ADVICES
        assert posted(agent, "redeem") == Counter(dict.fromkeys(amounts, 1)), f"seed {seed}"
    for held, _ in handed[:-1]:
        assert (held.balance(), held.row("shortfall")) == (10**6 - spent[held.account_id], 0)
    poor = handed[-1][0]
    assert (poor.balance(), poor.row("shortfall")) == (0, spent[poor.account_id])
    with connection.cursor() as cursor:
        cursor.execute("select count(*), sum(amount) from ledger_advice")
        assert cursor.fetchone() == (ADVICES, sum(amounts.values()))
    assert_ledger_is_clean()


@pytest.mark.parametrize("round_", range(5))
def test_purchases_and_their_voids_told_in_any_order_end_the_same(
    address: str, tmp_path: Path, round_: int
) -> None:
    chance = random.Random(round_)
    shop = open_offline_shop()
    handed = hand_out(shop, 3, 500)
    with enrolled(shop, address, tmp_path / "state") as agent:
        online = agent.connection.port
        cut(agent)
        kept: Counter[UUID] = Counter()
        for _ in range(30):
            held, card = chance.choice(handed)
            entry = agent.transactions.redeem(card, 40)
            kept[held.account_id] += 40
            if chance.random() < 0.4:
                assert agent.transactions.void(entry.id).state == "stand_in"
                kept[held.account_id] -= 40
        agent.connection.port = online
        entries = [(entry.id, entry.body or b"") for entry in agent.journal.list_stand_in(100)]
        chance.shuffle(entries)
        for place in range(0, len(entries), 7):
            agent.site.post_advices(entries[place : place + 9])
        agent.transactions.upload()
        assert agent.journal.queue().count == 0
    for held, _ in handed:
        spent = kept[held.account_id]
        assert (held.balance(), held.row("shortfall")) == (max(500 - spent, 0), max(spent - 500, 0))
    assert_ledger_is_clean()


def test_a_card_blocked_at_the_counter_is_refused_offline_after_the_next_heartbeat(
    address: str, tmp_path: Path
) -> None:
    shop = open_offline_shop()
    (good, good_code), (bad, bad_code) = hand_out(shop, 2, 500)
    with enrolled(shop, address, tmp_path / "state") as agent:
        change_state(bad.card.id, "report_lost", actor="test", at=shop.at)
        agent.tell_health(None)
        cut(agent)
        refused, taken = (agent.transactions.redeem(card, 40) for card in (bad_code, good_code))
    assert (refused.state, refused.code) == ("cancelled", "offline_card_hot")
    assert taken.state == "stand_in"
    assert (good.balance(), bad.balance()) == (500, 500)
