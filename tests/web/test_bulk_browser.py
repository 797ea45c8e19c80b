"""Orders and imports in a real browser: accessible, silent, no wider than the screen, moving on their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from prepaid.cards.models import CardOrder
from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.bulk import ask_for_import, ask_for_order, find_request_of
from prepaid.stored_value.approvals.service import approve
from prepaid.stored_value.bulk import orders
from prepaid.stored_value.bulk.imports import check_import, run_chunk
from prepaid.stored_value.bulk.orders import load_chunk, make_chunk, order_cards, record_funds
from tests.web.conftest import WAYS, Desk, Screen, assert_accessible, assert_fits, open_desk
from tests.web.test_approvals import colleague

SEALING_MS = 60_000
pytestmark = pytest.mark.browser
Make = Callable[..., Screen]


def draft(desk: Desk, quantity: int = 24) -> CardOrder:
    return order_cards(
        order_id=uuid7(),
        program=desk.shop.program,
        till=desk.shop.till,
        quantity=quantity,
        amount_each=50_000,
        tender="bank_transfer",
        buyer_name="Harbour Hotels Ltd",
        reference="INV-2026-114",
        by=desk.staff.code,
        at=timezone.now(),
    )


def upload(desk: Desk, text: str) -> UUID:
    made = check_import(
        import_id=uuid7(),
        content=text.encode(),
        file_name="members.csv",
        program=desk.shop.program,
        till=desk.shop.till,
        by=desk.staff.code,
        at=timezone.now(),
    )
    return made.id


@pytest.fixture
def worked(committed_db: None) -> tuple[Desk, list[str]]:
    """A desk with orders and imports in each of their states, and their pages."""
    desk, now = open_desk(role="manager"), timezone.now()
    drafted, waiting, making, made, done = (draft(desk) for _ in range(5))
    for order in (waiting, making, made, done):
        asked = ask_for_order(order.id, approval_id=uuid7(), staff=desk.staff, reason="The contract.", at=now)
        if order is not waiting:
            approve(asked.approval.id, staff=colleague(desk).staff, at=now)
    for order in (made, done):
        make_chunk(order.id, at=now)
    record_funds(done.id, reference="TT-7", by=desk.staff.code, at=now)
    load_chunk(done.id, at=now)
    orders.recall(done.id, [2, 3], reason="Two too many.", by=desk.staff.code, at=now)
    tag = desk.shop.store.code
    good = f"external_id,balance,bonus,holder\n{tag}1,10,2,王小雨\n{tag}2,5.50,,Li Lei\n"
    checked, asked_for, run = (upload(desk, good.replace(tag, f"{each}{tag}")) for each in ("", "W", "R"))
    for import_id in (asked_for, run):
        asked = ask_for_import(import_id, approval_id=uuid7(), staff=desk.staff, reason="It ends.", at=now)
        if import_id is run:
            approve(asked.approval.id, staff=colleague(desk).staff, at=now)
    while run_chunk(run, at=now):
        pass
    faulty = upload(desk, "number,external_id,balance\n860012,,12.345\n,,x\n,A1,5\n,A1,5\n")
    pages = [f"/{order.id}" for order in (drafted, waiting, making, made, done)]
    pages += [f"/imports/{import_id}" for import_id in (checked, asked_for, run, faulty)]
    return desk, ["", "/new", "/imports", *pages]


@pytest.mark.parametrize(("language", "scheme"), WAYS)
def test_the_pages_are_accessible(
    make_screen: Make, worked: tuple[Desk, list[str]], language: str, scheme: str
) -> None:
    desk, pages = worked
    screen = make_screen(desk, language=language, color_scheme=scheme, path=None)
    for page in pages:
        screen.goto(f"/office/orders{page}")
        assert_accessible(screen.page)


def test_no_page_scrolls_sideways(make_screen: Make, worked: tuple[Desk, list[str]]) -> None:
    desk, pages = worked
    screen = make_screen(desk, path=None)
    for page in pages:
        screen.goto(f"/office/orders{page}")
        assert_fits(screen.page, 390, 1024, 1440)


def test_an_order_moves_on_the_screen_by_itself(make_screen: Make, committed_db: None) -> None:
    desk = open_desk(role="manager")
    order = draft(desk)
    screen = make_screen(desk, path=f"/office/orders/{order.id}")
    page = screen.page
    page.locator("#reason").fill("The contract is signed.")
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.locator("#approval")).to_contain_text("Waits for another manager")
    second = make_screen(colleague(desk), path=f"/office/orders/{order.id}")
    second.page.get_by_role("link", name="Decide it under Approvals").click()
    asked = find_request_of(order.id)
    assert asked is not None
    mine = second.page.locator(f"#approval-{asked.id}")
    expect(mine).to_contain_text("24 cards with ¥500.00 each")
    mine.get_by_role("button", name="Approve and carry out").click()
    expect(second.page.locator(".notice-good")).to_contain_text("Approved and carried out.")
    screen.goto(f"/office/orders/{order.id}")
    expect(page.locator("#progress")).to_contain_text("0 / 24")
    make_chunk(order.id, at=timezone.now())
    page.get_by_role("button", name="The money is in: load the cards").click()
    expect(page.locator("#progress")).to_contain_text("0 / 24")
    load_chunk(order.id, at=timezone.now())
    expect(page.locator(".page-head .tag")).to_have_text("Active")
    expect(page.locator("#progress")).to_have_count(0)


def test_the_batch_file_comes_down_and_the_file_s_faults_are_read(
    make_screen: Make, worked: tuple[Desk, list[str]], tmp_path: Path
) -> None:
    desk, pages = worked
    screen = make_screen(desk, path=f"/office/orders{pages[6]}")
    screen.page.locator("#seal").fill("correct horse battery")
    # Sealing under a passphrase takes seconds by design, more on a busy machine, and the click waits for it.
    with screen.page.expect_download(timeout=SEALING_MS) as coming:
        screen.page.get_by_role("button", name="Fetch the file").click(timeout=SEALING_MS)
    assert Path(coming.value.path()).read_bytes().startswith(b"PK")

    file = tmp_path / "wrong.csv"
    file.write_text("external_id,balance\nA1,1.999\n")
    screen.goto("/office/orders/imports")
    screen.page.locator("#id_program").select_option(desk.shop.program.code)
    screen.page.locator("#id_file").set_input_files(file)
    screen.page.get_by_role("button", name="Check the file").click()
    expect(screen.page.locator("main")).to_contain_text("Not an amount")
    expect(screen.page.locator("main")).to_contain_text("1.999")
