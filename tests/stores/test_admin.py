"""The plain admin: for superusers alone, and no way round the rules of cards and terminals."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from prepaid.cards.models import Card, Program
from prepaid.stores.models import Store
from tests.shop import open_shop

pytestmark = pytest.mark.django_db
PAGES = (
    "cards/program",
    "cards/holder",
    "cards/card",
    "stores/store",
    "stores/staff",
    "stores/terminal",
    "auth/user",
)


def log_in(*, superuser: bool) -> Client:
    user = User.objects.create_user("somebody", is_staff=superuser, is_superuser=superuser)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("page", PAGES)
def test_superuser_sees_ordinary_tables(page: str) -> None:
    open_shop().card()

    assert log_in(superuser=True).get(f"/admin/{page}/").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_others_are_sent_to_log_in(page: str) -> None:
    answer = log_in(superuser=False).get(f"/admin/{page}/")

    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


def test_card_is_shown_with_its_events_and_without_its_hashes() -> None:
    held = open_shop().card(method="number", pin=b"p" * 32)

    page = log_in(superuser=True).get(f"/admin/cards/card/{held.card.id}/change/").content.decode()

    assert "•••• 4242" in page
    assert bytes(held.credential.lookup).hex() not in page
    assert "lookup" not in page
    assert "pin_mac" not in page


@pytest.mark.parametrize("way", ["add/", "{id}/delete/", "{id}/change/"])
def test_card_is_not_changed_here(way: str) -> None:
    card = open_shop().card().card

    answer = log_in(superuser=True).post(f"/admin/cards/card/{way.format(id=card.id)}", {"state": "closed"})

    assert answer.status_code == 403
    assert Card.objects.get(pk=card.id).state == "active"


@pytest.mark.parametrize("way", ["add/", "{id}/delete/", "{id}/change/"])
def test_terminal_is_not_changed_here(way: str) -> None:
    terminal = open_shop().terminal

    page = f"/admin/stores/terminal/{way.format(id=terminal.id)}"
    answer = log_in(superuser=True).post(page, {"name": "X"})

    assert answer.status_code == 403
    terminal.refresh_from_db()
    assert terminal.name == "T1"


def test_store_added_here_has_its_general_accounts() -> None:
    form = {
        "code": "NEW",
        "name": "New",
        "name_zh": "",
        "currency": "CNY",
        "timezone": "Asia/Shanghai",
        "day_starts_at": "04:00:00",
        "tills-TOTAL_FORMS": "1",
        "tills-INITIAL_FORMS": "0",
        "tills-0-name": "Counter 1",
    }

    answer = log_in(superuser=True).post("/admin/stores/store/add/", form)

    assert answer.status_code == 302
    store = Store.objects.get(code="NEW")
    assert store.tills.get().name == "Counter 1"
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from ledger_general_account where owner_id = %s", [store.id])
        assert cursor.fetchone()[0] >= 10


@pytest.mark.parametrize(
    ("prefix", "fault"), [("8712", "printed codes"), ("180000", "lost its first digits")]
)
def test_program_with_a_prefix_that_makes_no_numbers_is_refused(prefix: str, fault: str) -> None:
    form = {
        "code": "NEW",
        "name": "New",
        "currency": "CNY",
        "number_prefix": prefix,
        "consumption_order": "bonus_first",
        "allowed_credentials": "number,sun",
    }

    page = log_in(superuser=True).post("/admin/cards/program/add/", form).content.decode()

    assert fault in page
    assert not Program.objects.filter(code="NEW").exists()
