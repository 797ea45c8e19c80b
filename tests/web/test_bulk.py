"""Orders and imports in the office, without a browser's scripts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pyrage
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.utils import timezone

from prepaid.cards.models import BulkEvent, BulkLine, CardImport, CardOrder, Holder, Program, RuleSet
from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.bulk import ask_for_order
from prepaid.stored_value.bulk.work import work_off
from tests.shop import assert_ledger_is_clean, figures
from tests.web.conftest import Desk, open_desk
from tests.web.test_approvals import colleague, decide

ORDER = {"quantity": "3", "amount": "1,250.50", "buyer_name": "Harbour Ltd", "tender": "bank_transfer"}
LICENCE = "91110108MA01KPGW0X"


@pytest.fixture
def manager(db: None) -> Desk:
    """A manager of a shop where one person orders as much as they like."""
    desk = open_desk(role="manager")
    Program.objects.filter(pk=desk.shop.program.pk).update(bulk_issue_alone_max=None)
    return desk


def draft(desk: Desk, **changed: Any) -> Any:
    asked = ORDER | {"order_id": str(uuid7()), "program": desk.shop.program.code}
    return desk.client().post("/office/orders/new", asked | changed)


def only_order(desk: Desk) -> CardOrder:
    return CardOrder.objects.get(store_id=desk.shop.store.id)


def post(desk: Desk, path: str, **sent: Any) -> str:
    return page_of(desk.client().post(path, sent, follow=True))


def ask_for(desk: Desk, order: CardOrder, **sent: Any) -> str:
    return post(
        desk, f"/office/orders/{order.id}/approve", **{"id": uuid7(), "reason": "for the feast"} | sent
    )


def page_of(answer: Any) -> str:
    assert isinstance(answer, HttpResponse)
    return answer.content.decode()


def work() -> None:
    work_off(now=timezone.now, may_go_on=lambda: True)


def test_an_order_goes_from_draft_to_loaded_cards(manager: Desk) -> None:
    answer = draft(manager)
    order = only_order(manager)
    assert answer.headers["Location"] == f"/office/orders/{order.id}"
    assert (order.state, order.quantity, order.amount_each, order.ordered_by) == (
        "draft", 3, 125_050, manager.staff.code,
    )  # fmt: skip
    assert "You do this alone" in page_of(manager.client().get(f"/office/orders/{order.id}"))
    page = ask_for(manager, order)
    assert "Approved. The cards are being made; they hold no value yet." in page
    assert "0 / 3" in page
    work()
    page = post(manager, f"/office/orders/{order.id}/funds", reference="TT-9")
    assert "Recorded. The cards are being loaded and activated." in page
    work()
    order.refresh_from_db()
    assert (order.state, order.reference) == ("activated", "TT-9")
    page = page_of(manager.client().get(f"/office/orders/{order.id}"))
    assert page.count("¥1,250.50") == 7
    assert "Take cards back" in page
    assert_ledger_is_clean()


def test_above_the_amount_an_order_waits_and_goes_on_when_another_manager_approves(manager: Desk) -> None:
    Program.objects.filter(pk=manager.shop.program.pk).update(bulk_issue_alone_max=375_149)
    draft(manager)
    order, second = only_order(manager), colleague(manager)
    address = f"/office/orders/{order.id}"
    page = page_of(manager.client().get(address))
    assert "Orders above ¥3,751.49 in all need a second person" in page
    assert "Nothing was changed: write why." in ask_for(manager, order, reason=" ")

    assert "Asked for. Nothing has changed yet" in ask_for(manager, order)

    page = page_of(manager.client().get(address))
    assert "Waits for another manager" in page
    assert "You asked for this: another manager approves it." in page
    assert "/approve" not in page
    assert "Waits for approval" in page_of(manager.client().get("/office/orders"))
    assert "This is asked for already." in ask_for(second, order)
    assert "you asked for this, so another manager approves it" in decide(manager, "approve")
    order.refresh_from_db()
    assert order.state == "draft"

    waiting = page_of(second.client().get("/office/approvals"))
    assert "Harbour Ltd · Gift · 3 cards with ¥1,250.50 each" in waiting
    assert "¥3,751.50" in waiting
    assert f'href="{address}"' in waiting
    assert "Decide it under Approvals" in page_of(second.client().get(address))
    assert "Approved and carried out." in decide(second, "approve")

    assert "0 / 3" in page_of(manager.client().get(address))
    work()
    order.refresh_from_db()
    assert order.state == "made"
    assert_ledger_is_clean()


def test_what_was_refused_is_told_on_the_order_and_asked_for_again(manager: Desk) -> None:
    Program.objects.filter(pk=manager.shop.program.pk).update(bulk_issue_alone_max=0)
    draft(manager)
    order, second = only_order(manager), colleague(manager)
    ask_for(manager, order)
    decide(second, "refuse", "no contract")
    page = page_of(manager.client().get(f"/office/orders/{order.id}"))
    assert "Refused by Bo Sun: no contract. You may ask again." in page

    ask_for(manager, order)
    assert "The order is cancelled. Nothing was made." in post(second, f"/office/orders/{order.id}/cancel")
    assert "somebody decided this before" in decide(manager, "approve")
    assert page_of(manager.client().get("/office/approvals?show=decided")).count("Bulk issue") == 2


def test_nobody_decided_in_time_is_told_on_the_order(manager: Desk) -> None:
    Program.objects.filter(pk=manager.shop.program.pk).update(bulk_issue_alone_max=0)
    draft(manager)
    order, then = only_order(manager), timezone.now() - timedelta(days=3)
    ask_for_order(order.id, approval_id=uuid7(), staff=manager.staff, reason="x", at=then)
    assert "Nobody decided in time. You may ask again." in page_of(
        manager.client().get(f"/office/orders/{order.id}")
    )
    assert "Asked for. Nothing has changed yet" in ask_for(manager, order)


def test_the_progress_is_told_and_then_the_page_is_loaded_anew(manager: Desk) -> None:
    draft(manager)
    order = only_order(manager)
    ask_for(manager, order)
    client, address = manager.client(), f"/office/orders/{order.id}"
    answer = client.get(address, headers={"HX-Request": "true"})
    assert 'value="0" max="3"' in page_of(answer)
    assert "HX-Refresh" not in answer.headers
    work()
    assert client.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"quantity": "0"}, "greater than or equal to 1"),
        ({"quantity": "100001"}, "less than or equal to 100000"),
        ({"amount": "0"}, "Type an amount such as 100 or 36.50."),
        ({"amount": "1.005"}, "Type an amount such as 100 or 36.50."),
        ({"buyer_name": ""}, "This field is required."),
        ({"tender": "shells"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_ordered_is_told_and_nothing_is_drafted(
    manager: Desk, changed: dict[str, str], says: str
) -> None:
    answer = draft(manager, **changed)
    assert answer.status_code == 422
    assert says in page_of(answer)
    assert not CardOrder.objects.filter(store_id=manager.shop.store.id).exists()


def test_a_rule_asks_for_the_buyer_and_the_agent(manager: Desk) -> None:
    Program.objects.filter(pk=manager.shop.program.pk).update(
        rule_set=RuleSet.objects.get(code="cn_registered")
    )
    answer = draft(manager)
    assert answer.status_code == 422
    assert "Nothing was ordered: a rule stands against it." in page_of(answer)
    identity = {"kind": "organisation", "document": "business_licence", "number": LICENCE, "phone": "010-1",
                "agent_name": "Li Lei", "agent_number": "11010519491231002X"}  # fmt: skip
    assert draft(manager, **{f"holder-{name}": value for name, value in identity.items()}).status_code == 302
    order = only_order(manager)
    assert isinstance(order.buyer, Holder)
    assert (order.buyer.name, order.buyer.kind, order.agent_name) == ("Harbour Ltd", "organisation", "Li Lei")


def made_order(desk: Desk) -> CardOrder:
    draft(desk)
    order = only_order(desk)
    ask_for(desk, order)
    work()
    return order


def test_the_batch_file_is_fetched_once(manager: Desk) -> None:
    order = made_order(manager)
    address = f"/office/orders/{order.id}/file"
    assert "Nothing was fetched" in post(manager, address, lock="short")
    lock = str(pyrage.x25519.Identity.generate().to_public())
    answer = manager.client().post(address, {"lock": lock})
    assert answer.headers["Content-Disposition"] == f'attachment; filename="order-{order.id}.zip"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content.startswith(b"PK")
    assert "fetched already" in post(manager, address, lock=lock)
    assert BulkEvent.objects.filter(bulk_id=order.id, change="fetch").count() == 1


def test_some_cards_are_taken_back_with_a_reason(manager: Desk) -> None:
    order = made_order(manager)
    post(manager, f"/office/orders/{order.id}/funds")
    work()
    address = f"/office/orders/{order.id}/recall"
    before = figures()
    for sent, says in (
        ({"lines": "1-4", "reason": "x"}, "The lines go from 1 to 3."),
        ({"lines": "all", "reason": "x"}, "Type numbers of lines"),
        ({"lines": "1", "reason": " "}, "write the reason"),
    ):
        assert says in post(manager, address, **sent)
    assert figures() == before
    assert "2 of 2 cards were taken back" in post(manager, address, lines="1, 3", reason="Too many")
    outcomes = BulkLine.objects.filter(bulk_id=order.id).order_by("line").values_list("outcome", flat=True)
    assert list(outcomes) == ["taken_back", "loaded", "taken_back"]
    assert "2 not loaded" in page_of(manager.client().get(f"/office/orders/{order.id}?show=apart"))
    assert_ledger_is_clean()


def upload(desk: Desk, text: str) -> str:
    file = SimpleUploadedFile("old.csv", text.encode(), content_type="text/csv")
    sent = {"import_id": str(uuid7()), "program": desk.shop.program.code, "file": file}
    return page_of(desk.client().post("/office/orders/imports", sent, follow=True))


def only_import(desk: Desk) -> CardImport:
    return CardImport.objects.get(store_id=desk.shop.store.id)


def test_a_file_is_checked_run_and_undone(manager: Desk) -> None:
    assert "Every line is good" in upload(manager, "external_id,balance,holder\nA1,10,王小雨\nA2,5.50,\n")
    made = only_import(manager)
    address = f"/office/orders/imports/{made.id}"
    page = page_of(manager.client().get(address))
    assert "Every import of value needs a second person" in page
    asked = {"id": uuid7(), "reason": "the old system ends"}
    assert "Nothing was changed: write why." in post(manager, f"{address}/run", **asked | {"reason": " "})

    assert "Asked for. Nothing has changed yet" in post(manager, f"{address}/run", **asked)
    work()

    assert only_import(manager).state == "checked"
    assert "Waits for another manager" in page_of(manager.client().get(address))
    assert "Waits for approval" in page_of(manager.client().get("/office/orders/imports"))
    second = colleague(manager)
    waiting = page_of(second.client().get("/office/approvals"))
    assert "old.csv · Gift · 2 cards" in waiting
    assert f'href="{address}"' in waiting
    assert "+" not in waiting.partition("¥15.50")[0][-3:]
    assert "Approved and carried out." in decide(second, "approve")
    assert "0 / 2" in page_of(manager.client().get(address))
    work()
    page = page_of(manager.client().get(address))
    assert "王小雨" in page
    assert "Batch file for the printer" in page
    table = manager.client().get(f"{address}/lines.csv").content.decode()
    assert table.splitlines()[1].startswith("2,A1,")
    post(manager, f"{address}/undo")
    work()
    made.refresh_from_db()
    assert (made.state, made.undone_count) == ("undone", 2)
    assert "2 / 2" in page_of(manager.client().get(address))
    assert_ledger_is_clean()


def test_faults_are_listed_and_downloaded_so_that_a_spreadsheet_takes_none_for_a_formula(
    manager: Desk,
) -> None:
    page = upload(manager, "external_id,balance\nA1,=1+1\nA1,2\n")
    assert "Nothing was brought in." in page
    assert "It stands on an earlier line already" in page
    made = only_import(manager)
    table = manager.client().get(f"/office/orders/imports/{made.id}/faults.csv").content.decode()
    assert table.splitlines()[1].endswith(",'=1+1")
    assert "somebody else was there first" in post(manager, f"/office/orders/imports/{made.id}/run")


def test_a_file_that_cannot_be_read_says_why_beside_the_field(manager: Desk) -> None:
    assert "The heading names a column that is not known: colour" in upload(manager, "number,colour\n")
    assert not CardImport.objects.filter(store_id=manager.shop.store.id).exists()


def test_another_store_s_manager_and_a_cashier_see_none_of_it(manager: Desk) -> None:
    order = made_order(manager)
    upload(manager, "external_id,balance\nA1,10\n")
    paths = [f"/office/orders/{order.id}", f"/office/orders/imports/{only_import(manager).id}"]
    other, cashier = open_desk(role="manager"), open_desk()
    assert [other.client().get(path).status_code for path in paths] == [404, 404]
    assert [cashier.client().get(path).status_code for path in ["/office/orders", *paths]] == [403] * 3
    for change in ("approve", "funds", "file", "recall"):
        assert other.client().post(f"{paths[0]}/{change}").status_code == 404
        assert cashier.client().post(f"{paths[0]}/{change}").status_code == 403


def test_an_unknown_order_is_not_found(manager: Desk) -> None:
    assert manager.client().get(f"/office/orders/{UUID(int=7)}").status_code == 404
    assert manager.client().post(f"/office/orders/{made_order(manager).id}/burn").status_code == 404
