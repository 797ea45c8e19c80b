"""What is kept of a conversation with a card: for whom, for how long, and without a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prepaid.cards import keys
from prepaid.cards.models import CardSession, Proof
from prepaid.cards.sessions import sweep_sessions
from prepaid.keys import site_keys
from tests.api.conftest import Till
from tests.cardtable import Desk
from tests.shop import open_shop


def test_what_is_over_is_swept_and_a_used_proof_is_kept_a_while(desk: Desk) -> None:
    _, card = desk.made()
    token = desk.prove(card)
    tap = desk.lay(card)
    desk.till.client.call("POST", "cards/challenge", {"technology": "ntag424", "uri": tap.uri})
    mine = {"terminal_id": desk.till.shop.terminal.id}
    now = datetime.now(UTC)

    sweep_sessions(now + timedelta(seconds=31))
    assert not CardSession.objects.filter(**mine).exists()
    assert Proof.objects.filter(**mine, lookup=site_keys().token_lookup(token.token)).exists()
    sweep_sessions(now + timedelta(hours=2))
    assert not Proof.objects.filter(**mine).exists()


def test_no_key_lies_in_a_session(desk: Desk) -> None:
    _, card = desk.made()
    tap = desk.lay(card)
    begun = desk.till.client.call("POST", "cards/challenge", {"technology": "ntag424", "uri": tap.uri}).json()
    answers = [desk.table.reader.transceive(bytes.fromhex(one)).hex() for one in begun["commands"]]
    desk.till.client.call("POST", f"cards/challenge/{begun['session']}", {"responses": answers})

    kept = str(CardSession.objects.get(pk=begun["session"]).state)

    secret = [keys.card_key(card.uid, number, 1).hex() for number in range(5)]
    assert not any(key in kept for key in secret)


def test_finished_strange_and_foreign_sessions_take_no_answer(desk: Desk) -> None:
    _, card = desk.made()
    tap = desk.lay(card)
    begun = desk.till.client.call("POST", "cards/challenge", {"technology": "ntag424", "uri": tap.uri}).json()
    path = f"cards/challenge/{begun['session']}"
    other = Till(shop=open_shop())

    for client, where, responses in (
        (other.client, path, ["9000", "91ae"]),
        (desk.till.client, path, ["9000"]),
        (desk.till.client, "cards/challenge/no-such", []),
        (desk.till.client, f"cards/challenge/{desk.till.shop.terminal.id}", ["9000", "91ae"]),
        (desk.till.client, path.replace("challenge", "personalise"), ["9000", "91ae"]),
    ):
        assert client.call("POST", where, {"responses": responses}).code == "not_found"
    assert desk.till.client.call("POST", path, {"responses": ["9000", "91ae"]}).code == "NFC-CARD-02"
    assert desk.till.client.call("POST", path, {"responses": ["9000", "91ae"]}).code == "not_found"
