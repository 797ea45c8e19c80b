"""Who may open which page, and what every page tells a browser."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import polib
import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils.translation import override

from prepaid.web.counter.acts import ACTS
from prepaid.web.templatetags.shop import big_money, moment, money, since
from tests.web.conftest import Desk, open_desk

POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    "manifest-src 'self'",
}  # fmt: skip
OPEN_TO_ALL = {"login", "set_language"}
PAGES = (
    "/counter",
    "/cards",
    "/cards/new",
    "/till",
    "/office/terminals",
    "/office/exceptions",
    "/office/approvals",
    "/login",
)


def own_addresses() -> list[tuple[str, str]]:
    found = []
    for pattern in get_resolver("prepaid.web.urls").url_patterns:
        name = getattr(pattern, "name", None)
        if name:
            found.append((name, "/" + re.sub(r"<[^>]+>", str(UUID(int=7)), str(pattern.pattern))))
    return found


@pytest.mark.parametrize(("name", "address"), own_addresses())
def test_every_page_asks_for_a_login(db: None, name: str, address: str) -> None:
    client = Client()
    for answer in (client.get(address), client.post(address)):
        if name in OPEN_TO_ALL:
            assert answer.status_code in (200, 302, 405)
        else:
            assert answer.status_code == 302
            assert answer["Location"].startswith("/login?next=")


def test_a_fragment_without_a_login_sends_the_whole_page_there(db: None) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/counter"}
    answer = Client().post("/counter/command", {"q": "+1"}, headers=headers)
    assert answer["HX-Redirect"] == "/login?next=%2Fcounter"


@pytest.mark.parametrize("address", PAGES)
def test_the_policy_is_strict_on_every_page(db: None, address: str) -> None:
    desk = open_desk(role="manager")
    client = Client() if address == "/login" else desk.client()
    answer = client.get(address)
    assert answer.status_code == 200
    assert set(answer["Content-Security-Policy"].split("; ")) == POLICY
    page = answer.content.decode()
    assert " style=" not in page
    assert "<style" not in page
    assert "onclick" not in page
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r'<form(?![^>]*method="(?:post|get)")', page) == []


def test_every_form_that_changes_something_posts_to_an_address(db: None) -> None:
    desk = open_desk(role="manager")
    made = desk.issue(balance=1_000)
    for address in (*PAGES[:-1], f"/counter/{made.card.id}"):
        for form in re.findall(r"<form[^>]*>", desk.client().get(address).content.decode()):
            assert ' action="/' in form, form
            assert 'method="post"' in form or 'role="search"' in form, form


def test_every_page_of_the_office_is_for_managers_and_of_another_store_s_things_tells_nothing(
    desk: Desk,
) -> None:
    cashier, manager = desk.client(), open_desk(role="manager").client()
    opened = {
        address: (
            {cashier.get(address).status_code, cashier.post(address).status_code},
            manager.get(address).status_code,
        )
        for name, address in own_addresses()
        if address.startswith("/office/")
    }
    assert len(opened) > 30
    assert {address: seen for address, (seen, _) in opened.items() if not seen <= {403, 405}} == {}
    assert {address: seen for address, (_, seen) in opened.items() if seen not in (200, 404, 405)} == {}
    assert "/office/" not in cashier.get("/counter").content.decode()


def test_a_login_that_works_at_no_store_is_told_so(db: None, django_user_model: type) -> None:
    user = django_user_model.objects.create(username="stranger")  # type: ignore[attr-defined]
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get("/counter")
    assert answer.status_code == 403
    assert "works at a store" in answer.content.decode()


def test_locking_ends_the_session_and_asks_for_the_same_person(desk: Desk) -> None:
    client = desk.client()
    desk.user.set_password("right and long")
    desk.user.save()
    client = desk.client()
    assert client.post("/lock")["Location"] == "/login"
    page = client.get("/login").content.decode()
    assert f'value="{desk.user.username}"' in page
    assert client.get("/counter").status_code == 302
    back = client.post(
        "/login", {"username": desk.user.username, "password": "right and long", "next": "/cards"}
    )
    assert back["Location"] == "/cards"


def test_a_wrong_password_is_said_in_words(desk: Desk) -> None:
    page = Client().post("/login", {"username": desk.user.username, "password": "wrong"}).content.decode()
    assert 'role="alert"' in page


def test_the_language_is_kept_in_a_cookie(desk: Desk) -> None:
    client = desk.client()
    answer = client.post("/language", {"language": "zh-hans", "next": "/cards"})
    assert answer["Location"] == "/cards"
    assert client.cookies["django_language"].value == "zh-hans"
    assert "持卡人" in client.get("/cards").content.decode()


def test_no_page_in_chinese_has_english_left(db: None) -> None:
    desk = open_desk(role="manager")
    made = desk.issue(balance=10_000)
    desk.redeem_at_the_terminal(made, 100)
    spent = desk.load(made, 500)
    blocked = desk.issue()
    desk.client().post(f"/cards/{blocked.card.id}/state", {"change": "block", "reason": "x"})
    catalogue = polib.pofile(str(Path(__file__).parents[2] / "locale/zh_Hans/LC_MESSAGES/django.po"))
    sentences = [
        entry.msgid
        for entry in catalogue
        if len(entry.msgid) > 3
        and "%" not in entry.msgid
        and entry.msgid not in ("English", "Enter", "Command")
    ]
    client = desk.client()
    client.cookies["django_language"] = "zh-hans"
    client.cookies["sessionid"] = desk.client().cookies["sessionid"].value
    addresses = [
        *PAGES,
        f"/counter/{made.card.id}",
        f"/counter/{blocked.card.id}",
        f"/receipts/{spent}",
        f"/cards/{made.card.id}/life",
        *(f"/cards/{made.card.id}/life/{act.code}" for act in ACTS),
        "/nothing",
    ]
    for address in addresses:
        page = client.get(address).content.decode()
        if address != "/login":
            assert 'lang="zh-Hans"' in page
        text = re.sub(r"<[^>]+>", "\n", re.sub(r"<head.*?</head>", "", page, flags=re.DOTALL))
        lines = {line.strip() for line in text.splitlines()}
        labels = set(re.findall(r'(?:aria-label|placeholder|title)="([^"]+)"', page))
        assert (lines | labels) & set(sentences) == set(), address


def test_money_reads_alike_in_both_languages() -> None:
    for language in ("en", "zh-hans"):
        with override(language):
            assert "¥1,403.93" in money(140_393, "CNY")
            assert re.sub("<[^>]+>", "", big_money(140_393, "CNY")) == "¥1,403.93"
            assert re.sub("<[^>]+>", "", big_money(-500, "JPY")) == "−¥500"


def test_dates_follow_the_language() -> None:
    from datetime import UTC, datetime

    at = datetime(2025, 11, 3, 8, 50, tzinfo=UTC)
    with override("en"):
        assert moment(at) == "3 Nov 2025 08:50"
        assert since(at) == "3 Nov 2025"
    with override("zh-hans"):
        assert moment(at) == "2025年11月3日 08:50"
