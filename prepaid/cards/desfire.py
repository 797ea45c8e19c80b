"""MIFARE DESFire EV2 and EV3 from the host's side: our application, with one AES key.

Knows the commands of AN12343 and MF3DHx2; must not know which key belongs to which card.
"""

from __future__ import annotations

from prepaid.cards import ev2

# As on the air, lowest byte first.
APPLICATION = bytes.fromhex("5050f5")
KEY_NUMBER = 0
_CARD_ITSELF = bytes(3)
_SELECT_APPLICATION, _CREATE_APPLICATION, _GET_VERSION = 0x5A, 0xCA, 0x60
# The key may be changed by itself, the list is free, files need the key; one key, AES.
_SETTINGS = bytes.fromhex("0b81")
_DUPLICATE = b"\x91\xde"
_PRODUCT, _MAJOR_MIN = 0x01, 0x12
UID_BYTES = 7

SELECT = ev2.apdu(_SELECT_APPLICATION, APPLICATION)
CREATE = ev2.apdu(_CREATE_APPLICATION, APPLICATION + _SETTINGS)
IDENTIFY = (
    ev2.apdu(_SELECT_APPLICATION, _CARD_ITSELF),
    ev2.apdu(_GET_VERSION),
    ev2.apdu(ev2.CONTINUE),
    ev2.apdu(ev2.CONTINUE),
)


def uid_of(responses: list[bytes]) -> bytes | None:
    """Give the UID out of the answers to IDENTIFY; None where it is random or the card is no EV2 or EV3.

    Raises AnswerRefused.
    """
    ev2.expect(responses[0], ev2.OK)
    hardware = ev2.expect(responses[1], ev2.MORE)
    ev2.expect(responses[2], ev2.MORE)
    uid = ev2.expect(responses[3], ev2.OK)[:UID_BYTES]
    is_known = len(hardware) >= 4 and hardware[1] == _PRODUCT and hardware[3] >= _MAJOR_MIN
    return uid if is_known and any(uid) else None


def expect_application(response: bytes) -> None:
    """Check that our application was made, now or by an earlier attempt. Raises AnswerRefused."""
    if response[-2:] != _DUPLICATE:
        ev2.expect(response, ev2.OK)
