"""The hot list follows the cards: by trigger, in deltas, and by fingerprints that fit many numbers."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading

import pytest
from django.db import connection, transaction

from prepaid.cards.hot_list import hot_list_version, list_changes
from prepaid.cards.lifecycle import Change, change_state
from prepaid.cards.models import Card, Credential
from prepaid.keys import FINGERPRINT_BYTES, site_keys
from prepaid.stored_value.approvals.payloads import Unblock
from tests.shop import HeldCard, Shop, open_shop
from tests.stored_value.people import asked_by, hire

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def shown(held: HeldCard) -> str:
    """Give the card's credential a fingerprint and tell it as the list does."""
    fingerprint = os.urandom(FINGERPRINT_BYTES)
    Credential.objects.filter(pk=held.credential.pk).update(fingerprint=fingerprint)
    return fingerprint.hex()


def change(held: HeldCard, name: Change, shop: Shop) -> None:
    change_state(held.card.id, name, actor="test", at=shop.at)


def test_a_blocked_card_comes_on_the_list_and_leaves_it_when_unblocked(shop: Shop) -> None:
    earlier, held = shop.card(), shop.card()
    shown(earlier)
    change(earlier, "block", shop)  # from version 0 on, the list would be told whole
    fingerprint, before = shown(held), hot_list_version()

    change(held, "block", shop)
    blocked = list_changes(before)
    asked = Unblock(card_id=held.card.id, balance_minor=0, currency="CNY")
    assert asked_by(hire(shop), asked).is_executed
    unblocked = list_changes(blocked.version)

    assert (blocked.full, fingerprint in blocked.added, blocked.removed) == (False, True, [])
    assert (unblocked.added, unblocked.removed) == ([], [fingerprint])
    assert fingerprint not in list_changes(0).added


@pytest.mark.parametrize("name", ["report_lost", "close"])
def test_a_lost_or_closed_card_stays_on_the_list(shop: Shop, name: Change) -> None:
    held = shop.card()
    fingerprint = shown(held)

    change(held, name, shop)

    assert fingerprint in list_changes(0).added


def test_from_one_hot_state_to_another_nothing_changes(shop: Shop) -> None:
    held = shop.card()
    shown(held)
    change(held, "block", shop)
    before = hot_list_version()

    change(held, "report_lost", shop)

    assert hot_list_version() == before
    assert list_changes(before).added == []


def test_a_change_behind_the_code_s_back_is_followed_too(shop: Shop) -> None:
    held = shop.card()
    fingerprint = shown(held)

    Card.objects.filter(pk=held.card.pk).update(state="lost")

    assert fingerprint in list_changes(0).added


def test_a_credential_that_is_gone_is_hot_until_another_card_shows_it(shop: Shop) -> None:
    held, other = shop.card(), shop.card()
    fingerprint = shown(held)

    Credential.objects.filter(pk=held.credential.pk).delete()
    gone = list_changes(0)
    Credential.objects.filter(pk=other.credential.pk).update(fingerprint=bytes.fromhex(fingerprint))

    assert fingerprint in gone.added
    assert fingerprint in list_changes(gone.version).removed


def test_a_version_that_is_not_ours_is_answered_with_the_whole_list(shop: Shop) -> None:
    held = shop.card()
    fingerprint = shown(held)
    change(held, "block", shop)

    told = list_changes(hot_list_version() + 1_000)

    assert (told.full, fingerprint in told.added, told.removed) == (True, True, [])


def test_what_is_not_committed_yet_is_told_by_the_next_delta(shop: Shop) -> None:
    early, late = shop.card(), shop.card()
    prints = [shown(early), shown(late)]
    before = hot_list_version()
    is_changed, may_commit = threading.Event(), threading.Event()

    def block_slowly() -> None:
        with transaction.atomic():
            change(early, "block", shop)
            is_changed.set()
            may_commit.wait(30)
        connection.close()

    slow = threading.Thread(target=block_slowly)
    slow.start()
    assert is_changed.wait(30)

    def block_quickly() -> None:
        change(late, "block", shop)
        connection.close()

    quick = threading.Thread(target=block_quickly)
    quick.start()
    first = list_changes(before)
    may_commit.set()
    slow.join()
    quick.join()
    second = list_changes(first.version)

    # Neither is skipped by a reader that came between.
    assert sorted([*first.added, *second.added]) == sorted(prints)


def test_fingerprints_are_what_a_terminal_can_work_out_with_the_key_it_is_told() -> None:
    keys = site_keys()
    expected = hmac.new(keys.fingerprint_key, b"number:8600123412341234", hashlib.sha256).digest()[:4]

    assert keys.fingerprint("number", b"8600123412341234") == expected
    assert keys.fingerprint("uid", b"8600123412341234") != expected
    assert keys.fingerprint_key != keys.lookup


def test_a_fingerprint_fits_many_numbers() -> None:
    """Of the numbers of one prefix, 10^11, each of the 2^32 fingerprints fits some 23."""
    assert 10**11 / 2 ** (8 * FINGERPRINT_BYTES) > 20
