"""The demonstration: made once, by the real functions, with cards that can be tapped."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from prepaid.cards.models import Card, Credential, Offer, Program
from prepaid.cards.presentation import present
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.service import approve
from prepaid.stored_value.demonstration import REGULARS, demonstrate
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.requests import Request, origin_of_till
from prepaid.stored_value.virtual_cards import list_virtual_cards, write_virtual_cards
from prepaid.stores.models import Staff, Store, Till
from terminals import messages
from terminals.simulator.cards import read_cards
from terminals.simulator.counters import Counters
from tests.shop import assert_ledger_is_clean, figures
from tests.sun import sun_uri

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> None:
    assert demonstrate(at=timezone.now())


def fetch(sql: str) -> list[Any]:
    """Fetch rows of `shown`: the transactions of the demonstration's stores, whatever else there is."""
    shown = (
        "with shown as (select t.*, a.outcome from ledger_transaction as t "
        "join ledger_answer as a on a.id = t.id join stores_store as s on s.id = t.store_id "
        "where s.code in ('RIVER', 'TOWN')) "
    )
    with connection.cursor() as cursor:
        cursor.execute(shown + sql)
        return list(cursor.fetchall())


def test_member_card_has_offers_that_begin_after_the_month_of_trade(made: None) -> None:
    offers = Offer.objects.filter(program__code="MEMBER").order_by("code")

    assert [(offer.code, offer.pay_min, offer.bonus, offer.instalments) for offer in offers] == [
        ("MEMBER240", 200_000, 24_000, 12),
        ("MEMBER50", 50_000, 5_000, 1),
    ]
    assert fetch("select 1 from shown where type = 'bonus'") == []


def test_a_correction_waits_for_the_second_manager(made: None) -> None:
    asked = Approval.objects.get(asked_by="manager")
    assert (asked.asked_by, asked.kind, asked.amount, asked.verdict) == ("manager", "adjust", 18_000, None)

    done = approve(asked.id, staff=Staff.objects.get(code="admin"), at=timezone.now())

    assert done.is_executed
    assert_ledger_is_clean()


def test_first_store_is_riverside_and_both_stores_have_tills(made: None) -> None:
    stores = Store.objects.filter(code__in=["RIVER", "TOWN"]).order_by("code")

    assert [(store.name, store.name_zh, store.currency) for store in stores] == [
        ("Riverside", "河畔店", "CNY"),
        ("Old Town", "老城店", "CNY"),
    ]
    assert [till.name for till in stores[0].tills.all()] == ["Counter 1", "Counter 2", "Kiosk"]
    assert [till.name for till in stores[1].tills.all()] == ["Counter 1", "Counter 2"]


@pytest.mark.parametrize(
    ("name", "role", "superuser"),
    [("cashier", "cashier", False), ("manager", "manager", False), ("admin", "manager", True)],
)
def test_each_person_can_log_in_and_works_at_the_first_till(
    made: None, name: str, role: str, superuser: bool
) -> None:
    user = authenticate(username=name, password=name)

    assert user is not None
    assert user.is_superuser is superuser
    staff = Staff.objects.get(user__username=name)
    assert staff.till is not None
    assert (staff.role, staff.store.code, staff.till.name) == (role, "RIVER", "Counter 1")


def test_nobody_can_log_in_as_the_cashier_of_the_other_store(made: None) -> None:
    assert Staff.objects.get(code="oldtown").user.has_usable_password() is False


def test_programs_take_number_tap_and_printed_code(made: None) -> None:
    programs = Program.objects.filter(code__in=["GIFT", "MEMBER"])

    accepted = ["number", "sun", "qr", "challenge", "pay_code"]
    assert [program.allowed_credentials for program in programs] == [accepted] * 2


def test_month_of_trade_is_clean_and_lies_in_the_past(made: None) -> None:
    now = timezone.now()

    ((first, last, redeems, days),) = fetch(
        "select min(recorded_at), max(recorded_at), count(*) filter (where type = 'redeem'), "
        "count(distinct business_date) filter (where type = 'redeem') from shown"
    )
    assert now - timedelta(days=60) < first < last < now
    assert redeems > 100
    assert days >= 28
    assert fetch("select distinct outcome from shown") == [("approved",)]
    assert_ledger_is_clean()


def test_references_of_the_past_are_those_of_their_time(made: None) -> None:
    late = fetch(
        "select id from shown where abs(extract(epoch from recorded_at) * 1000 - "
        "('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) > 1"
    )

    assert late == []


def test_cards_are_in_several_states_and_belong_to_their_holders(made: None) -> None:
    names = [one.name for one in REGULARS]
    states = Card.objects.filter(account__holder__name__in=names, program__code__in=["GIFT", "MEMBER"])

    assert sorted(states.values_list("state", flat=True)) == ["active"] * 10 + ["blocked", "lost"]


def test_demonstration_made_again_changes_nothing(made: None) -> None:
    before, cards = figures(), list(Card.objects.order_by("id").values())

    assert not demonstrate(at=timezone.now())

    assert figures() == before
    assert list(Card.objects.order_by("id").values()) == cards


def test_virtual_cards_can_be_tapped_and_five_of_them_have_money(made: None) -> None:
    till = Till.objects.select_related("store").get(store__code="RIVER", name="Counter 1")
    now = timezone.now()
    outcomes = []

    for card in list_virtual_cards()[:8]:
        assert card.key_meta is not None
        assert card.key_file is not None
        uri = sun_uri(
            bytes.fromhex(card.uid),
            card.counter + 1,
            key_meta=bytes.fromhex(card.key_meta),
            key_file=bytes.fromhex(card.key_file),
        )
        presentation = present(messages.SunCard(uri=uri))
        assert presentation.refusal is None
        answer = redeem(
            Request(
                id=uuid7(),
                origin=origin_of_till(till),
                digest=bytes(32),
                occurred_at=now,
                recorded_at=now,
            ),
            presentation,
            Money(10_000, "CNY"),
        )
        outcomes.append(answer.reason or answer.outcome)

    assert outcomes == ["approved"] * 5 + ["card_unknown"] * 3
    assert_ledger_is_clean()


def test_simulator_reads_the_file_of_virtual_cards(made: None, tmp_path: Path) -> None:
    path = tmp_path / "cards.json"

    write_virtual_cards(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Counters(tmp_path / "counters.json") as counters:
        cards = read_cards(path, counters)
    assert [card.number for card in cards] == list(range(1, 11))
    assert cards[0].label.startswith("Wang Xiaoyu •••• ")
    assert cards[7].label == "blank, to be issued at the counter"


def test_file_written_again_goes_on_from_the_last_counter(made: None, tmp_path: Path) -> None:
    path = tmp_path / "cards.json"
    write_virtual_cards(path)
    before = json.loads(path.read_text())
    Credential.objects.filter(method="sun", card__account__holder__name="Wang Xiaoyu").update(counter=17)

    write_virtual_cards(path)

    after = json.loads(path.read_text())
    assert after[0] == before[0] | {"counter": 17}
    assert after[1:] == before[1:]


def test_demonstration_is_not_made_where_debug_is_off(settings: Settings) -> None:
    settings.TRIAL = False

    with pytest.raises(CommandError, match="not with DEBUG=0"):
        call_command("demo")

    assert not Store.objects.filter(code="RIVER").exists()


def test_command_makes_the_demonstration_and_its_cards(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.TRIAL, settings.DATA_FOLDER = True, tmp_path

    call_command("demo")
    call_command("demo")

    assert capsys.readouterr().out.splitlines() == [
        "Two stores with a month of trade: log in as cashier, manager or admin.",
        "The demonstration is there already.",
    ]
    assert len(json.loads((tmp_path / "cards.json").read_text())) == 10
