"""Recording a holder's identity: sealed, found by its number alone, one holder to a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from django.db import connection

from prepaid.cards.identity import (
    Identity,
    IdentityRefused,
    IdentityTaken,
    identify,
    read_agent_number,
    read_number,
)
from prepaid.cards.models import Account, Holder
from prepaid.keys import site_keys
from tests.shop import NOON, open_shop

pytestmark = pytest.mark.django_db
RESIDENT_ID = "11010519491231002X"
LICENCE = "91110000600037341L"
WANG = Identity(
    kind="person", name="Wang Fang", document="resident_id", number=RESIDENT_ID, phone="13800000000"
)


def account(**changed: Any) -> UUID:
    return Account.objects.create(program=open_shop().program, **changed).id


def test_a_number_is_sealed_and_found_again() -> None:
    given = replace(WANG, number=" 110105 1949-1231 002x", agent_name="Li", agent_number="E1234567")

    holder = identify(account(), given, by="mei", at=NOON)

    holder.refresh_from_db()
    assert (read_number(holder), read_agent_number(holder)) == (RESIDENT_ID, "E1234567")
    assert (holder.id_number_tail, holder.identified_by, holder.identified_at) == ("002X", "mei", NOON)
    with connection.cursor() as cursor:
        cursor.execute("select holder::text from cards_holder as holder where id = %s", [holder.id])
        stored = cursor.fetchone()[0]
    assert RESIDENT_ID not in stored
    assert RESIDENT_ID.encode().hex() not in stored
    assert RESIDENT_ID not in repr(given)


def test_a_sealed_number_opens_for_its_own_holder_alone() -> None:
    holder = identify(account(), WANG, by="mei", at=NOON)
    sealed = bytes(holder.id_number_sealed or b"")

    with pytest.raises(InvalidTag):
        site_keys().unseal(sealed, of=UUID(int=1).bytes)
    with pytest.raises(InvalidTag):
        site_keys().unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), of=holder.id.bytes)
    assert sealed != site_keys().seal(RESIDENT_ID, of=holder.id.bytes)


def test_two_accounts_of_one_buyer_have_one_holder() -> None:
    first, second = account(), account(holder=Holder.objects.create(name="wang fang"))

    holder = identify(first, WANG, by="mei", at=NOON)

    assert identify(second, WANG, by="mei", at=NOON) == holder
    assert identify(second, WANG, by="mei", at=NOON) == holder
    assert {Account.objects.get(pk=each).holder_id for each in (first, second)} == {holder.id}
    assert Holder.objects.filter(id_number_lookup=holder.id_number_lookup).count() == 1


def test_a_named_holder_is_completed() -> None:
    named = Holder.objects.create(name="Wang")

    assert identify(account(holder=named), WANG, by="mei", at=NOON).id == named.id


def test_a_number_under_another_name_and_another_number_are_refused() -> None:
    mine = account()
    identify(mine, WANG, by="mei", at=NOON)
    other = account()

    with pytest.raises(IdentityTaken, match="another name"):
        identify(other, replace(WANG, name="Li Lei"), by="mei", at=NOON)
    with pytest.raises(IdentityTaken, match="another number"):
        identify(mine, replace(WANG, document="passport", number="E1234567"), by="mei", at=NOON)
    assert Account.objects.get(pk=other).holder_id is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"phone": ""}, "phone"),
        ({"number": "110105194912310021"}, "number"),
        ({"document": "business_licence", "number": RESIDENT_ID}, "number"),
        ({"document": "passport", "number": "E1"}, "number"),
        ({"document": "passport", "number": "E1234567; drop"}, "number"),
        ({"document": "library_card"}, "number"),
    ],
)
def test_what_is_not_whole_is_refused_and_not_recorded(changed: dict[str, str], field: str) -> None:
    mine, before = account(), Holder.objects.count()

    with pytest.raises(IdentityRefused) as refused:
        identify(mine, replace(WANG, **changed), by="mei", at=NOON)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert Holder.objects.count() == before


def test_an_organisation_is_known_by_its_licence() -> None:
    firm = replace(WANG, kind="organisation", document="business_licence", number=LICENCE, name="Firm")

    assert identify(account(), firm, by="mei", at=NOON).kind == "organisation"
