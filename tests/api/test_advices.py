"""Advices, grants and the hot list over the API, each as the contract says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from prepaid.cards.lifecycle import change_state
from prepaid.settlement.advices import FINDINGS
from prepaid.settlement.exceptions import list_open
from prepaid.settlement.kinds import KINDS
from prepaid.settlement.models import SettlementException
from prepaid.settlement.reconcile import check_advices
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.models import Terminal
from prepaid.web.office.findings import say
from terminals.advices import ADVICES_MAX
from terminals.messages import BODY_BYTES_MAX
from tests.api.client import Reply
from tests.api.conftest import Till, stored
from tests.offline import LIMITS, allow
from tests.shop import assert_ledger_is_clean

ENOUGH_MINOR = 10_000


@pytest.fixture
def grant(till: Till) -> str:
    return allow(till.shop, at=datetime.now(UTC))


def advice(till: Till, issued: IssuedCard, amount: int, grant: str, **fields: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return till.redeem(issued, amount, occurred_at=now, stand_in={"grant": grant}) | fields


def tell(till: Till, *items: Any) -> Reply:
    return till.client.call("POST", "transactions/advices", {"items": list(items)})


def exceptions_of(advice_id: str) -> list[str]:
    return sorted(SettlementException.objects.filter(key=advice_id).values_list("kind", flat=True))


def test_items_are_recorded_and_answered_in_their_order(till: Till, issued: IssuedCard, grant: str) -> None:
    items = [advice(till, issued, amount, grant) for amount in (500, 700, 900)]

    reply = tell(till, *items)

    told = reply.json()["items"]
    assert reply.status == 200
    assert [one["id"] for one in told] == [one["id"] for one in items]
    assert [(one["outcome"], one["approved_amount"], one["balance"]) for one in told] == [
        ("approved", 500, 9_500),
        ("approved", 700, 8_800),
        ("approved", 900, 7_900),
    ]
    assert till.client.call("GET", f"transactions/{items[1]['id']}").json() == told[1]
    assert_ledger_is_clean()


def test_a_repeat_in_any_order_changes_nothing(till: Till, issued: IssuedCard, grant: str) -> None:
    items = [advice(till, issued, amount, grant) for amount in (500, 700, 900)]
    first = {one["id"]: one for one in tell(till, *items).json()["items"]}
    before = stored()

    again = tell(till, items[2], items[0], items[2], items[1]).json()["items"]

    assert [one["id"] for one in again] == [items[place]["id"] for place in (2, 0, 2, 1)]
    assert all(one == first[one["id"]] for one in again)
    assert stored() == before


def test_a_reversal_before_its_original_leaves_nothing_moved(
    till: Till, issued: IssuedCard, grant: str
) -> None:
    sold = advice(till, issued, 2_000, grant)
    undo = till.posting("reversal", original=sold["id"], stand_in={"grant": grant})

    told = tell(till, undo, sold).json()["items"]

    assert [(one["type"], one["outcome"], one["reason"]) for one in told] == [
        ("reversal", "approved", None),
        ("redeem", "declined", "already_reversed"),
    ]
    assert [exceptions_of(one["id"]) for one in (undo, sold)] == [[], []]
    assert tell(till, advice(till, issued, 1, grant)).json()["items"][0]["balance"] == ENOUGH_MINOR - 1
    assert_ledger_is_clean()


@pytest.mark.parametrize("kind", ["reversal", "void"])
def test_an_undo_after_its_original_gives_back(till: Till, issued: IssuedCard, grant: str, kind: str) -> None:
    sold = advice(till, issued, 2_000, grant)
    undo = till.posting(kind, original=sold["id"], stand_in={"grant": grant})

    told = tell(till, sold, undo).json()["items"]

    assert [(one["outcome"], one["balance"]) for one in told] == [("approved", 8_000), ("approved", 10_000)]


def test_an_item_that_cannot_be_read_does_not_harm_the_others(
    till: Till, issued: IssuedCard, grant: str
) -> None:
    good, late = advice(till, issued, 500, grant), advice(till, issued, 700, grant)
    bad = [
        {},
        7,
        advice(till, issued, 1, grant) | {"amount": "5.00"},
        advice(till, issued, 1, grant) | {"unknown": True},
        advice(till, issued, 1, grant) | {"id": "01936d2e-7c11-4abc-8def-0123456789ff"},
        {name: value for name, value in advice(till, issued, 1, grant).items() if name != "stand_in"},
        advice(till, issued, 1, grant) | {"note": "a\0b"},
    ]

    told = tell(till, good, *bad, late).json()["items"]

    assert [one.get("outcome") for one in told] == ["approved", *[None] * len(bad), "approved"]
    assert {(one["status"], one["code"]) for one in told[1:-1]} == {(400, "malformed")}
    assert told[-1]["balance"] == ENOUGH_MINOR - 1_200


def test_a_field_that_stands_twice_spoils_its_own_item_alone(
    till: Till, issued: IssuedCard, grant: str
) -> None:
    good = json.dumps(advice(till, issued, 500, grant))
    twice = json.dumps(advice(till, issued, 1, grant)).replace('"amount": 1', '"amount": 1, "amount": 2')

    reply = till.client.call("POST", "transactions/advices", f'{{"items": [{twice}, {good}]}}'.encode())

    told = reply.json()["items"]
    assert (told[0]["code"], list(told[0]["errors"])) == ("malformed", ["amount"])
    assert told[1]["outcome"] == "approved"


def test_an_id_or_a_sequence_of_another_is_told_in_its_place(
    till: Till, issued: IssuedCard, grant: str
) -> None:
    first = advice(till, issued, 500, grant)
    other = advice(till, issued, 501, grant, id=first["id"])
    taken = advice(till, issued, 502, grant, sequence=first["sequence"])
    good = advice(till, issued, 503, grant)

    told = tell(till, first, other, taken, good).json()["items"]

    assert [one.get("code", one.get("outcome")) for one in told] == [
        "approved",
        "id_reused",
        "sequence_reused",
        "approved",
    ]
    assert told[-1]["balance"] == ENOUGH_MINOR - 1_003
    # It was sold and is in no book: a person has to know.
    assert [exceptions_of(one["id"]) for one in (other, taken, good)] == [
        ["advice_declined"],
        ["advice_declined"],
        [],
    ]
    told_to = SettlementException.objects.get(key=taken["id"])
    assert "was not recorded: sequence_reused" in told_to.found
    with translation.override("zh-hans"):
        assert "sequence_reused: 终端交易序号重复" in say(told_to)


@pytest.mark.parametrize(
    "body", [{}, {"items": []}, {"items": 1}, {"items": [{}] * 501}, {"items": [], "x": 1}, []]
)
def test_a_body_that_is_no_list_of_items_is_malformed(till: Till, body: Any) -> None:
    before = stored()

    reply = till.client.call("POST", "transactions/advices", body)

    assert (reply.status, reply.code) == (400, "malformed")
    assert stored() == before


def test_what_was_approved_offline_is_not_taken_as_a_transaction(
    till: Till, issued: IssuedCard, grant: str
) -> None:
    before = stored()

    reply = till.post(advice(till, issued, 500, grant))

    assert (reply.status, list(reply.json()["errors"])) == (400, ["stand_in"])
    assert stored() == before


def test_what_a_person_has_to_see_is_an_exception_told_once(
    till: Till, issued: IssuedCard, grant: str
) -> None:
    item = advice(till, issued, 15_000, grant)
    for _ in range(2):
        assert tell(till, item).json()["items"][0]["outcome"] == "approved"

    assert exceptions_of(item["id"]) == ["advice_over_grant", "advice_shortfall"]
    found = SettlementException.objects.get(key=item["id"], kind="advice_shortfall")
    assert (found.detail["shortfall"], found.detail["amount"]) == (5_000, 15_000)
    assert "short of ¥50.00" in found.found
    check = check_advices(datetime.now(UTC))
    assert {finding.kind for finding in check.findings if finding.key == item["id"]} == {
        "advice_over_grant",
        "advice_shortfall",
    }
    assert_ledger_is_clean()


def test_a_blocked_card_and_a_forged_grant_are_exceptions(till: Till, issued: IssuedCard) -> None:
    change_state(issued.card.id, "block", actor="test", at=till.shop.at)
    item = advice(till, issued, 500, "not.signed")

    assert tell(till, item).json()["items"][0]["outcome"] == "approved"

    assert exceptions_of(item["id"]) == ["advice_grant_refused", "advice_unusable"]
    assert list_open().filter(key=item["id"]).count() == 2


def test_an_advice_that_cannot_be_done_is_an_exception(till: Till, grant: str) -> None:
    item = till.posting(
        "capture",
        original="01936d2e-7c11-7abc-8def-0123456789ff",
        amount=100,
        currency="CNY",
        stand_in={"grant": grant},
    )

    told = tell(till, item).json()["items"][0]

    assert (told["outcome"], told["reason"]) == ("declined", "original_unknown")
    assert exceptions_of(item["id"]) == ["advice_declined"]


def test_as_many_advices_as_are_allowed_fit_into_one_body(till: Till, issued: IssuedCard, grant: str) -> None:
    uri = f"https://cards.example.com/t?picc_data={'E' * 32}&cmac={'9' * 16}"
    item = advice(till, issued, 10_000, grant, card={"method": "sun", "uri": uri, "entry": "tap"})

    items = [item | {"allow_partial": False, "operator": "mei", "note": ""}] * ADVICES_MAX

    assert len(json.dumps({"items": items})) <= BODY_BYTES_MAX


def test_every_finding_has_its_kind() -> None:
    assert {f"advice_{code}" for code in FINDINGS} <= set(KINDS)


def test_a_policy_carries_limits_and_a_grant_that_changes_with_them(till: Till) -> None:
    plain = till.client.call("GET", "terminals/policy").json()
    allow(till.shop)
    allowed = till.client.call("GET", "terminals/policy").json()
    allow(till.shop)

    assert (plain["stand_in"]["enabled"], "grant" in plain["stand_in"]) == (False, False)
    limits = allowed["stand_in"]
    assert (limits["enabled"], limits["per_transaction"], limits["per_card"]) == (True, 5_000, 8_000)
    assert (limits["per_terminal"], limits["count"], limits["age_s"]) == (20_000, 10, 86_400)
    assert limits["floors"] == {"sun": 5_000, "qr": 2_000}
    versions = [
        plain["version"],
        allowed["version"],
        till.client.call("GET", "terminals/policy").json()["version"],
    ]
    assert versions == [1, 2, 3]


def test_a_standby_terminal_gets_no_grant(till: Till) -> None:
    allow(till.shop)
    Terminal.objects.filter(pk=till.shop.terminal.pk).update(state="standby")

    assert till.client.call("GET", "terminals/policy").json()["stand_in"]["enabled"] is False


def test_the_hot_list_is_told_in_deltas(till: Till, issued: IssuedCard) -> None:
    whole = till.client.call("GET", "terminals/hot-list").json()
    change_state(issued.card.id, "block", actor="test", at=till.shop.at)

    delta = till.client.call("GET", f"terminals/hot-list?since={whole['version']}").json()

    # Its number and its printed code.
    assert (whole["full"], delta["full"], len(delta["added"]), delta["removed"]) == (True, False, 2, [])
    assert {len(one) for one in delta["added"]} == {8}
    assert issued.number is not None
    assert issued.number not in json.dumps(delta)


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 19])
def test_a_version_that_is_none_is_malformed(till: Till, since: str) -> None:
    reply = till.client.call("GET", f"terminals/hot-list?since={since}")

    assert (reply.status, reply.code) == (400, "malformed")


def test_a_heartbeat_tells_the_versions(till: Till, issued: IssuedCard) -> None:
    body = {
        "agent_version": "0.1.0",
        "clock": datetime.now(UTC).isoformat(),
        "queue": {"count": 0, "amount": 0},
    }
    before = till.client.call("POST", "terminals/heartbeat", body).json()
    allow(till.shop)
    change_state(issued.card.id, "block", actor="test", at=till.shop.at)

    after = till.client.call("POST", "terminals/heartbeat", body).json()

    assert after["policy_version"] == before["policy_version"] + 1
    assert after["hot_list_version"] == before["hot_list_version"] + 2


def test_an_old_grant_is_told(till: Till, issued: IssuedCard) -> None:
    old = allow(till.shop, at=datetime.now(UTC) - timedelta(seconds=LIMITS.age_s + 301))
    item = advice(till, issued, 500, old)

    tell(till, item)

    assert exceptions_of(item["id"]) == ["advice_grant_refused"]
