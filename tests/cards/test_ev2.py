"""AuthenticateEV2First and secure messaging against the published examples of AN12196, to the byte."""

from __future__ import annotations

import pytest

from prepaid.cards import ev2
from prepaid.cards.ev2 import AnswerForged, AnswerRefused, SecureMessaging
from prepaid.cards.template import address_of, is_written_by_anybody, make_template

ZEROS = bytes(16)
RANDOM_A = bytes.fromhex("13C5DB8A5930439FC3DEF9A4C675360F")
RANDOM_B = bytes.fromhex("B9E2FC789B64BF237CCCAA20EC7E6E48")
FIRST_ANSWER = bytes.fromhex("A04C124213C186F22399D33AC2A3021591AF")
LAST_ANSWER = bytes.fromhex("3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100")


def session(encryption: str, mac: str, transaction: str, counter: int) -> SecureMessaging:
    return SecureMessaging(
        key_encryption=bytes.fromhex(encryption),
        key_mac=bytes.fromhex(mac),
        transaction=bytes.fromhex(transaction),
        counter=counter,
    )


# The sessions of AN12196's tables 18, 25 and 26, and 28.
SETTINGS = session("1309C877509E5A215007FF0ED19CA564", "4C6626F5E72EA694202139295C7A7FC7", "9D00C4DF", 1)
KEYS = session("4CF3CB41A22583A61E89B158D252FC53", "5529860B2FC5FB6154B7F28361D30BF9", "7614281A", 2)
NAMING = session("2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764", "DF055522", 0)


def test_authentication_is_that_of_the_example() -> None:
    assert ev2.begin_authentication(0).hex() == "9071000002000000"
    assert ev2.read_challenge(ZEROS, FIRST_ANSWER) == RANDOM_B
    assert ev2.continue_authentication(ZEROS, random_a=RANDOM_A, random_b=RANDOM_B).hex().upper() == (
        "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00"
    )

    made = ev2.finish_authentication(ZEROS, LAST_ANSWER, random_a=RANDOM_A, random_b=RANDOM_B)

    assert made.transaction.hex().upper() == "9D00C4DF"
    assert made.key_encryption == SETTINGS.key_encryption
    assert made.key_mac == SETTINGS.key_mac


@pytest.mark.parametrize("place", range(32))
def test_changed_byte_of_the_last_answer_proves_nothing(place: int) -> None:
    changed = bytearray(LAST_ANSWER)
    changed[place] ^= 1

    if place < 4 or place >= 20:
        # The transaction's id and the capabilities are no proof, but share a block with it.
        with pytest.raises(AnswerForged):
            ev2.finish_authentication(ZEROS, bytes(changed), random_a=RANDOM_B, random_b=RANDOM_B)
        return
    with pytest.raises(AnswerForged):
        ev2.finish_authentication(ZEROS, bytes(changed), random_a=RANDOM_A, random_b=RANDOM_B)


@pytest.mark.parametrize("answer", ["91AE", "", "9100", "00" * 32, "00" * 31 + "9100", "91AF"])
def test_answer_of_another_form_is_refused(answer: str) -> None:
    with pytest.raises((AnswerRefused, AnswerForged)):
        ev2.finish_authentication(ZEROS, bytes.fromhex(answer), random_a=RANDOM_A, random_b=RANDOM_B)


def test_change_of_settings_is_that_of_the_example() -> None:
    told = bytes.fromhex("4000E0C1F121200000430000430000")

    command = SETTINGS.full_command(ev2.CHANGE_FILE_SETTINGS, b"\x02", told)

    assert command.hex().upper() == "905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400"
    assert SETTINGS.read_mac_response(bytes.fromhex("57BFF87B1241E93D9100")) == b""


def test_changes_of_keys_are_those_of_the_examples() -> None:
    other = bytes.fromhex("F3847D627727ED3BC9C4CC050489B966")
    master = bytes.fromhex("5004BF991F408672B1EF00F08F9E8647")

    assert ev2.key_checksum(other).hex().upper() == "789DFADC"
    assert KEYS.change_key(2, new=other, version=1, old=ZEROS).hex().upper() == (
        "90C4000029022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E600"
    )
    assert KEYS.read_mac_response(bytes.fromhex("203BB55D1089D5879100")) == b""
    assert KEYS.after().change_key(0, new=master, version=1).hex().upper() == (
        "90C400002900C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED643200"
    )


def test_reading_of_the_uid_is_that_of_the_example() -> None:
    answer = bytes.fromhex("70756055688505B52A5E26E59E329CD6595F672298EA41B79100")

    assert NAMING.mac_command(ev2.GET_CARD_UID).hex().upper() == "90510000088E2C155ADDA99BE300"
    assert NAMING.read_full_response(answer).hex().upper() == "04958CAA5C5E80"


@pytest.mark.parametrize("place", range(24))
def test_changed_byte_of_a_protected_answer_is_refused(place: int) -> None:
    changed = bytearray.fromhex("70756055688505B52A5E26E59E329CD6595F672298EA41B79100")
    changed[place] ^= 0x80

    with pytest.raises(AnswerForged):
        NAMING.read_full_response(bytes(changed))


def test_answer_to_another_command_of_the_session_is_refused() -> None:
    with pytest.raises(AnswerForged):
        KEYS.after().read_mac_response(bytes.fromhex("203BB55D1089D5879100"))


def test_template_has_its_mirrors_where_the_settings_say() -> None:
    template = make_template("https://cards.example/t")
    address = address_of(template.content)

    assert address == f"https://cards.example/t?picc_data={'0' * 32}&cmac={'0' * 16}"
    start = template.content.index(b"cards.example")
    assert template.content[template.picc_data_offset - 10 : template.picc_data_offset] == b"picc_data="
    assert template.content[template.mac_offset - 5 : template.mac_offset] == b"cmac="
    assert start == 7
    picc, mac = template.picc_data_offset, template.mac_offset
    assert template.settings.hex() == (
        f"4000e0c1ff21{picc.to_bytes(3, 'little').hex()}{mac.to_bytes(3, 'little').hex() * 2}"
    )


def test_template_is_written_in_short_pieces_and_its_length_last() -> None:
    template = make_template("https://cards.example/t")
    writes = template.writes

    assert writes[0].hex() == "00d60000020000"
    assert writes[-1] == bytes.fromhex("00d6000002") + template.content[:2]
    assert max(write[4] for write in writes) == 40
    assert b"".join(write[5:] for write in writes[1:-1]) == template.content[2:]


def test_address_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="too long for a card"):
        make_template("https://cards.example/" + "x" * 180)


@pytest.mark.parametrize(
    ("settings", "is_open"), [("0000e0ee000100", True), ("004000e0000100", False), ("00", False)]
)
def test_rights_tell_whether_a_blank_may_be_written(settings: str, is_open: bool) -> None:
    assert is_written_by_anybody(bytes.fromhex(settings)) == is_open
