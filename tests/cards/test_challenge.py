"""The challenge, from an unmodified nfcpy to the posting: what proves a card, what does not, how often."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from prepaid.cards.models import CardSession, Credential, Proof
from prepaid.cards.presentation import Presentation, present
from prepaid.keys import site_keys
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.redeem import redeem
from terminals.conversations import prove
from terminals.errors import Refused
from terminals.messages import TokenCard
from terminals.readers import ReaderError
from terminals.simulator.device import Injected
from terminals.simulator.ntag424 import Ntag424
from tests.api.conftest import Till, stored
from tests.cardtable import Desk, fresh_idm, fresh_uid, open_desk
from tests.shop import assert_ledger_is_clean, open_shop, together
from tests.stored_value.races import take_out

THREADS = 20
FRAMES_MAX = 60


def refused(desk: Desk, card: Any, amount: int = 1250) -> str:
    """Redeem what must be declined, and give the reason; nothing moved."""
    before = stored()[:-1]
    answer = desk.redeem(card, amount)
    assert (answer["outcome"], answer["money_moved"]) == ("declined", "no"), answer
    assert stored()[:-1] == before
    return str(answer["reason"])


def test_a_card_proves_itself_and_its_token_pays_once(desk: Desk) -> None:
    _, card = desk.made()

    token = desk.prove(card)

    assert desk.redeem(token)["balance"] == 8750
    assert refused(desk, token) == "credential_replayed"
    assert_ledger_is_clean()


def test_random_uid_is_named_by_its_message(desk: Desk) -> None:
    _, card = desk.made(random_uid=True)

    tap = desk.lay(card)

    assert tap.uid.startswith("08")
    assert desk.redeem(desk.prove(card))["outcome"] == "approved"


def test_felica_proves_itself_by_the_mac_of_a_challenge(desk: Desk) -> None:
    issued, card = desk.till.issue(balance=10_000), desk.felica_blank(fresh_idm())
    desk.personalise(card, issued.number)

    shown = desk.present(card, 1250, None)

    assert isinstance(shown, TokenCard)
    assert desk.site.inquire(shown).balance == 10_000
    assert desk.redeem(shown)["balance"] == 8750


def test_felica_that_is_known_by_its_idm_alone_is_low_trust_and_refused_where_that_is_not_taken(
    desk: Desk,
) -> None:
    shown = desk.present(desk.felica_blank(fresh_idm()), 1250, None)

    assert refused(desk, shown) == "card_unknown"


def test_challenge_keeps_to_two_calls_inside_the_tap(desk: Desk) -> None:
    _, card = desk.made()
    tap = desk.lay(card)
    desk.line.calls.clear()

    desk.table.device.frames.clear()
    desk.present(card, 1250, 1000)

    assert tap is not None
    assert len([call for call in desk.line.calls if "/challenge/" in call]) == 2


@pytest.mark.parametrize(
    ("amount", "reason"), [(1000, None), (1001, "credential_refused"), (9999, "credential_refused")]
)
def test_above_the_floor_a_message_alone_is_refused(desk: Desk, amount: int, reason: str | None) -> None:
    _, card = desk.made()
    desk.set_floor(1000)

    answer = desk.redeem(desk.lay(card).card, amount)

    assert answer["reason"] == reason
    assert desk.site.policy()["challenge_floor"] is not None
    assert desk.redeem(desk.present(card, 1001, 1000), 1001)["outcome"] == "approved"
    assert_ledger_is_clean()


@pytest.mark.parametrize("method", ["qr", "number"])
def test_above_the_floor_a_printed_card_is_refused_and_staff_at_the_desk_are_not(
    desk: Desk, method: str
) -> None:
    issued = desk.till.issue(balance=10_000)
    desk.set_floor(1000)
    shown: dict[str, Any] = {"method": "qr", "code": issued.qr}
    if method == "number":
        shown = {"method": "number", "number": issued.number, "pin": issued.pin}

    assert refused(desk, shown, 1001) == "credential_refused"
    assert desk.redeem(shown, 1000)["outcome"] == "approved"
    desk_card = Presentation(method="desk", card_id=issued.card.id)
    request = desk.till.shop.request(origin=desk.till.shop.counter, sequence=None)
    assert redeem(request, desk_card, Money(1001, "CNY")).approved


def test_hold_above_the_floor_asks_for_the_challenge_too(desk: Desk) -> None:
    issued, _ = desk.made()
    desk.set_floor(1000)
    hold = desk.till.posting(
        "hold",
        card={"method": "qr", "code": issued.qr},
        amount=1001,
        currency="CNY",
        expires_in_s=600,
    )

    assert desk.till.post(hold).json()["reason"] == "credential_refused"


def test_token_uses_the_message_up_that_named_the_card(desk: Desk) -> None:
    _, card = desk.made()
    harvested = desk.lay(card).card
    token = desk.prove(card)

    assert desk.redeem(token)["outcome"] == "approved"
    assert refused(desk, harvested) == "credential_replayed"


def test_token_is_good_for_the_terminal_that_asked_alone(desk: Desk) -> None:
    _, card = desk.made()
    token = desk.prove(card)
    other = Till(shop=open_shop())
    body = other.posting("redeem", card={"method": "token", "token": token.token}, amount=1, currency="CNY")

    assert other.post(body).json()["reason"] == "credential_refused"
    assert desk.redeem(token)["outcome"] == "approved"


def test_token_is_good_for_sixty_seconds(desk: Desk) -> None:
    _, card = desk.made()
    token = present(desk.prove(card))
    at = datetime.now(UTC)

    late = desk.till.shop.request(recorded_at=at + timedelta(seconds=61), origin=desk.till.shop.origin)
    early = desk.till.shop.request(recorded_at=at + timedelta(seconds=58), origin=desk.till.shop.origin)

    assert redeem(late, token, Money(100, "CNY")).reason == "credential_refused"
    assert redeem(early, token, Money(100, "CNY")).approved


def test_token_of_a_card_whose_program_takes_no_such_proof_is_refused(desk: Desk) -> None:
    _, card = desk.made()
    token = desk.prove(card)
    type(desk.till.shop.program).objects.filter(pk=desk.till.shop.program.pk).update(
        allowed_credentials=["qr"]
    )

    assert refused(desk, token) == "credential_refused"


@pytest.mark.parametrize("token", ["x", "A" * 32, "AHn8TQQOvQUxlm-FX2mA8Hcrgx0gi1qp"])
def test_invented_token_is_refused(desk: Desk, token: str) -> None:
    assert refused(desk, {"method": "token", "token": token}) == "credential_refused"


def test_inquiry_by_token_uses_it_not_up_and_is_bound_as_a_posting_is(desk: Desk) -> None:
    _, card = desk.made()
    token = desk.prove(card)

    assert desk.site.inquire(token).balance == 10_000
    assert desk.site.inquire(token).balance == 10_000
    assert desk.redeem(token)["outcome"] == "approved"
    with pytest.raises(Refused) as used:
        desk.site.inquire(token)
    assert used.value.code == "credential_refused"


def clone_of(desk: Desk, card: Ntag424) -> Ntag424:
    """Make a card that shows the UID of another, and holds keys of its maker's own."""
    clone = desk.blank(card.uid.hex(), key_meta="11" * 16, key_file="22" * 16, key_challenge="33" * 16)
    clone.files = dict(card.files)
    return clone


def test_clone_that_replays_the_message_and_cannot_answer_is_refused(desk: Desk) -> None:
    _, card = desk.made()
    harvested = desk.lay(card)
    assert harvested.uri is not None
    desk.table.field.put(clone_of(desk, card))
    desk.table.wait()
    before = stored()
    with pytest.raises(Refused) as error:
        prove(desk.site, desk.table.reader, harvested)

    assert error.value.code == "NFC-CARD-02"
    assert error.value.status == 422
    assert stored() == before
    assert not Proof.objects.filter(terminal_id=desk.till.shop.terminal.id).exists()
    assert not CardSession.objects.filter(terminal_id=desk.till.shop.terminal.id).exists()


def test_harvested_answers_do_not_answer_another_challenge(desk: Desk) -> None:
    _, card = desk.made()
    tap = desk.lay(card)
    request = {"technology": "ntag424", "uri": tap.uri}
    answers: list[list[str]] = []
    for attempt in range(2):
        begun = desk.till.client.call("POST", "cards/challenge", request).json()
        step: dict[str, Any] = {"commands": begun["commands"]}
        place = 0
        while "commands" in step:
            if attempt == 0:
                answers.append(
                    [desk.table.reader.transceive(bytes.fromhex(c)).hex() for c in step["commands"]]
                )
            reply = desk.till.client.call(
                "POST", f"cards/challenge/{begun['session']}", {"responses": answers[place]}
            )
            place += 1
            step = reply.json()
        assert ("token" in step) == (attempt == 0), step

    assert (reply.status, reply.code) == (422, "NFC-CARD-02")


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ({"technology": "ntag424"}, "malformed"),
        ({"technology": "felica_lite_s", "uri": "https://cards.example/"}, "malformed"),
        ({"technology": "mifare_classic", "uid": "01020304"}, "malformed"),
        ({"technology": "ntag424", "uid": "04010203040506"}, "card_unknown"),
        ({"technology": "felica_lite_s", "uid": "0102030405060708"}, "card_unknown"),
        ({"technology": "ntag424", "uri": "https://cards.example/?picc_data=00&cmac=00"}, "NFC-CARD-02"),
    ],
)
def test_what_cannot_be_challenged_is_refused(desk: Desk, request_body: dict[str, Any], code: str) -> None:
    assert desk.till.client.call("POST", "cards/challenge", request_body).code == code


@pytest.mark.parametrize("kind", [Injected.TEAR_BEFORE, Injected.TEAR_AFTER])
@pytest.mark.parametrize("technology", ["ntag424", "felica_lite_s"])
def test_challenge_torn_at_every_frame_moves_nothing_and_the_next_tap_pays(
    desk: Desk, kind: Injected, technology: str
) -> None:
    if technology == "ntag424":
        _, card = desk.made(balance=1_000_000)
    else:
        issued, card = desk.till.issue(balance=1_000_000), desk.felica_blank(fresh_idm())  # type: ignore[assignment]
        desk.personalise(card, issued.number)
    torn, frames = 0, FRAMES_MAX
    while torn < frames:
        before = stored()
        with pytest.raises(ReaderError, match="NFC-RF-01"):
            desk.prove(card, {torn + 1: kind})
        assert stored() == before
        torn += 1
        token = desk.prove(card)
        frames = len(desk.table.device.frames)
        assert desk.redeem(token, 1)["outcome"] == "approved"
    assert 2 <= torn == frames < FRAMES_MAX
    assert_ledger_is_clean()


def test_lost_answers_and_commands_are_sent_again_by_the_driver(desk: Desk) -> None:
    _, card = desk.made()

    for fault in (Injected.LOST_COMMAND, Injected.LOST_ANSWER, Injected.GARBLED_ANSWER):
        assert desk.redeem(desk.prove(card, {2: fault}), 1)["outcome"] == "approved"


def race(desk: Desk) -> Counter[str]:
    """Pay with one token from many tills' threads at once; how it went returns."""
    _, card = desk.made()
    token = present(desk.prove(card))
    shop, at = desk.till.shop, datetime.now(UTC)
    results = together(
        [partial(redeem, shop.request(recorded_at=at), token, Money(100, "CNY")) for _ in range(THREADS)]
    )
    return Counter(
        (result.reason or result.outcome) if isinstance(result, Answer) else repr(result)
        for result in results
    )


@pytest.mark.race
def test_of_many_postings_with_one_token_one_is_approved(desk: Desk) -> None:
    assert race(desk) == {"approved": 1, "credential_replayed": THREADS - 1}
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_its_guard_one_token_pays_more_than_once(
    scratch_db: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_out(
        "stored_value_admit_card",
        "and proof.used_by is null and proof.expires_at",
        instead="and proof.expires_at",
    )
    take_out("stored_value_find_card", "and proof.used_by is null", instead="")

    outcomes = race(open_desk(Till(shop=open_shop()), tmp_path))

    assert outcomes["approved"] > 1


def test_card_keeps_its_tier_by_how_it_was_presented(desk: Desk) -> None:
    """A bare UID is another credential than the one that a challenge proves."""
    _, card = desk.made()
    chip = Credential.objects.get(lookup=site_keys().sun_lookup(card.uid))

    assert chip.method == "sun"
    assert refused(desk, {"method": "uid", "uid": card.uid.hex(), "technology": "ntag424"}) == "card_unknown"
    assert fresh_uid() != card.uid.hex()


def test_a_posting_uses_one_proof_and_the_database_knows_it(desk: Desk) -> None:
    _, card = desk.made()
    token = desk.prove(card)
    answer = desk.redeem(token, 1)
    other = site_keys().token_lookup(desk.prove(card).token)

    assert str(Proof.objects.get(lookup=site_keys().token_lookup(token.token)).used_by) == answer["id"]
    with pytest.raises(IntegrityError), transaction.atomic():
        Proof.objects.filter(lookup=other).update(used_by=answer["id"])


def test_card_of_a_withdrawn_key_version_is_refused_a_challenge(desk: Desk) -> None:
    _, card = desk.made()
    Credential.objects.filter(lookup=site_keys().sun_lookup(card.uid)).update(key_version=200)

    reply = desk.till.client.call("POST", "cards/challenge", {"technology": "ntag424", "uid": card.uid.hex()})

    assert reply.code == "NFC-CARD-02"
