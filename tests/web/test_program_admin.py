"""The admin of programs: saving asks for a change, and another manager makes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from prepaid.cards.models import Program
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.terms import terms_of
from prepaid.web.terms import TERM_NAMES
from tests.stored_value.rule_sets import rule_set
from tests.web.conftest import Desk, open_desk
from tests.web.test_approvals import colleague, decide

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Desk:
    """A manager who runs the site."""
    desk = open_desk(role="manager")
    Program.objects.filter(pk=desk.shop.program.pk).update(allowed_credentials=["number", "qr"])
    desk.user.is_staff = desk.user.is_superuser = True
    desk.user.save()
    return desk


def form_of(desk: Desk) -> tuple[Client, str, dict[str, Any]]:
    """Open the form; give what it would send back unchanged."""
    client, path = desk.client(), f"/admin/cards/program/{desk.shop.program.id}/change/"
    page = client.get(path)
    assert page.content.decode().count('name="reason"') == 1
    form = page.context["adminform"].form
    initial = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    initial["allowed_credentials"] = ",".join(initial["allowed_credentials"])
    return (
        client,
        path,
        {name: value for name, value in initial.items() if value is not None and value is not False},
    )


def test_every_term_has_a_name_so_that_none_is_changed_unread() -> None:
    assert set(TERM_NAMES) == set(terms_of(Program()))


def test_saving_asks_and_the_second_manager_reads_each_term_and_makes_it_so(admin: Desk) -> None:
    strict, second = rule_set(), colleague(admin)
    client, path, sent = form_of(admin)
    sent |= {
        "redeem_single_max": 123_456,
        "rule_set": strict.id,
        "adjust_alone_max": 2_500,
        "reason": "busier",
    }

    page = client.post(path, sent, follow=True).content.decode()

    assert "Asked for. Nothing has changed yet" in page
    assert "was changed successfully" not in page
    program = Program.objects.get(pk=admin.shop.program.pk)
    assert (program.redeem_single_max, program.rule_set, program.adjust_alone_max) == (None, None, 0)
    assert not LogEntry.objects.exists()

    waiting = second.client().get("/office/approvals").content.decode()
    for told in ("Change of a program&#x27;s terms", "Most for one purchase", "No limit", "¥1,234.56"):
        assert told in waiting, told
    assert "No rules" in waiting
    assert strict.name in waiting
    read = second.client().get("/office/approvals", headers={"accept-language": "zh-hans"})
    for told in ("卡种条款更改", "单次消费上限", "一人更正余额的上限", "¥25.00", "规则集", "无规则"):
        assert told in read.content.decode(), told
    assert "you asked for this, so another manager approves it" in decide(admin, "approve")

    assert "Approved and carried out." in decide(second, "approve")

    program.refresh_from_db()
    assert (program.redeem_single_max, program.rule_set, program.adjust_alone_max) == (123_456, strict, 2_500)


def test_a_repeat_asks_once_and_nothing_is_asked_without_a_change_or_a_reason(admin: Desk) -> None:
    client, path, sent = form_of(admin)
    assert "Nothing differs" in client.post(path, sent | {"reason": "x"}, follow=True).content.decode()
    sent["balance_max"] = 100
    assert client.post(path, sent).status_code == 200
    asked = Approval.objects.filter(asked_by_user=admin.staff.user_id)
    assert not asked.exists()
    for _ in range(2):
        client.post(path, sent | {"reason": "x"})
    assert asked.get().asked.after == {"balance_max": 100}  # type: ignore[union-attr]
    again = client.post(path, sent | {"reason": "x", "balance_max": 200}, follow=True).content.decode()
    assert "This is asked for already." in again
    assert asked.count() == 1


def test_whoever_is_no_manager_sees_the_terms_and_changes_none(admin: Desk) -> None:
    admin.staff.role = "cashier"
    admin.staff.save()
    path = f"/admin/cards/program/{admin.shop.program.id}/change/"
    assert 'name="_save"' not in admin.client().get(path).content.decode()
    assert admin.client().post(path, {"balance_max": 1, "reason": "x"}).status_code == 403
    assert not Approval.objects.filter(asked_by_user=admin.staff.user_id).exists()
