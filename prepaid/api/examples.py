"""An example of a body for each endpoint that takes one, and of a signed call; tests hold them to be true.

Knows what a newcomer would send first; must not hold a real key, code or card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_CARD = {
    "method": "sun",
    "uri": "https://cards.example/t?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086",
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "post_terminals_enrol": {
        "code": "ACDEF-GHJKM",
        "public_key": "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=",
        "agent_version": "0.1.0",
        "platform": "Debian 12, ACR1252U",
    },
    "post_terminals_heartbeat": {
        "agent_version": "0.1.0",
        "clock": "2026-11-23T09:30:00Z",
        "queue": {"count": 0, "amount": 0},
        "components": [{"name": "reader", "status": "ok"}],
    },
    "post_cards_inquiry": {"card": _CARD | {"entry": "tap"}},
    "post_cards_challenge": {"technology": "ntag424", "uri": _CARD["uri"]},
    "post_cards_challenge_session": {"responses": ["9000", "A04C124213C186F22399D33AC2A3021591AF"]},
    "post_cards_personalise": {"number": "8600000000000000", "technology": "ntag424"},
    "post_cards_personalise_session": {"responses": ["9000"]},
    "post_transactions": {
        "id": "019ab0a4-2c78-7000-8000-5eed5eed5eed",
        "type": "redeem",
        "card": _CARD,
        "amount": 1250,
        "currency": "CNY",
        "sequence": 42,
        "occurred_at": "2026-11-23T09:30:00.120Z",
        "allow_partial": False,
    },
    "post_transactions_advices": {
        "items": [
            {
                "id": "019ab0a4-2c78-7000-8000-5eed5eed5eed",
                "type": "redeem",
                "card": _CARD,
                "amount": 1250,
                "currency": "CNY",
                "sequence": 43,
                "occurred_at": "2026-11-23T09:35:00.120Z",
                "stand_in": {"grant": "mcQQAZqwpCx4cACAAF7tXu1e7QLOaVsN"},
            }
        ]
    },
    "post_batches_close": {
        "first_sequence": 1,
        "last_sequence": 42,
        "totals": {"redeem": {"count": 40, "amount": 118350}, "void": {"count": 1, "amount": 1250}},
    },
}


@dataclass(frozen=True, slots=True)
class SignedExample:
    """A call signed with the key of RFC 9421, B.1.4, so that a client can be held against it."""

    private_key: str = "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU"
    public_key: str = "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
    method: str = "POST"
    path: str = "/api/v1/cards/inquiry"
    body: str = '{"card":{"method":"number","number":"8600000000000000"}}'
    content_digest: str = "sha-256=:B4Byef1NmL5CcScKwQPhjihpmXP1oBRCKmRCBn+P4mc=:"
    parameters: str = (
        '("@method" "@path" "content-digest");created=1795426200'
        ';keyid="019ab0a4-2c78-7000-8000-5eed5eed5eed";alg="ed25519"'
    )
    signature: str = (
        "frC7+7y/XTU9GWTNgfN/Ef6dWKBA5Xic9MvWKk3duy9gcFhWH877gSQrP17Dn41OQTgyf2UyT9jn8X7Q17f/CA=="
    )
