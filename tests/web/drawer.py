"""The steps of the card drawer, as a browser without scripts takes them."""

from __future__ import annotations

import re
from typing import Any

from prepaid.cards.models import Card
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import IssuedCard
from tests.web.conftest import Desk


def get(desk: Desk, made: IssuedCard, act: str = "") -> Any:
    return desk.client().get(f"/cards/{made.card.id}/life{f'/{act}' if act else ''}")


def post(desk: Desk, made: IssuedCard, act: str, **fields: Any) -> Any:
    asked = {"id": uuid7(), "reason": "asked for", "medium": "printed", "tender": "cash"}
    return desk.client().post(f"/cards/{made.card.id}/life/{act}", asked | fields)


def confirm(desk: Desk, made: IssuedCard, act: str, page: Any, **changed: Any) -> Any:
    """Send the form of the second step as the browser would."""
    assert page.status_code == 200, page.content.decode()
    form = page.content.decode().partition('id="life"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    fields.pop("csrfmiddlewaretoken", None)
    assert fields["confirmed"] == "yes"
    return desk.client().post(f"/cards/{made.card.id}/life/{act}", fields | changed)


def secret(page: Any, name: str) -> str:
    found = re.search(rf'id="{name}">([\d ]+)<', page.content.decode())
    assert found is not None, page.content.decode()
    return found[1].replace(" ", "")


def state(made: IssuedCard) -> str:
    return Card.objects.get(pk=made.card.pk).state
