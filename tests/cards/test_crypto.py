"""The published vectors of AN12196 and AN10922, and what must not pass."""

from __future__ import annotations

import pytest

from prepaid.cards.crypto import (
    SunForged,
    SunIdentity,
    SunMalformed,
    SunMessage,
    cmac,
    diversify,
    parse_sun,
    session_encryption_key,
    session_mac_key,
    verify_sun,
)

ZERO_KEY = bytes(16)
PLAIN_URI = "https://choose.url.com/ntag424?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086"
ENC_URI = (
    "https://www.my424dna.com/?picc_data=FD91EC264309878BE6345CBE53BADF40"
    "&enc=CEE9A53E3E463EF1F459635736738962&cmac=ECC1E7F6C6C73BF6"
)


def zero_key_for(uid: bytes) -> bytes:
    return ZERO_KEY


@pytest.mark.parametrize(
    ("uri", "uid", "counter"), [(PLAIN_URI, "04de5f1eacc040", 61), (ENC_URI, "04958caa5c5e80", 8)]
)
def test_message_of_an12196_proves_its_card(uri: str, uid: str, counter: int) -> None:
    identity = verify_sun(parse_sun(uri), key_meta=ZERO_KEY, file_key_for=zero_key_for)

    assert identity == SunIdentity(uid=bytes.fromhex(uid), counter=counter)


def test_mac_covers_the_text_from_the_value_of_enc_to_that_of_cmac() -> None:
    assert parse_sun(PLAIN_URI) == SunMessage(
        picc_data=bytes.fromhex("EF963FF7828658A599F3041510671E88"),
        cmac=bytes.fromhex("94EED9EE65337086"),
        enc=None,
        mac_input=b"",
    )
    assert parse_sun(ENC_URI).mac_input == b"CEE9A53E3E463EF1F459635736738962&cmac="
    assert parse_sun(ENC_URI).enc == bytes.fromhex("CEE9A53E3E463EF1F459635736738962")


def test_session_keys_of_an12196_table_2() -> None:
    file_key = bytes.fromhex("5ACE7E50AB65D5D51FD5BF5A16B8205B")
    uid, counter = bytes.fromhex("04C767F2066180"), bytes.fromhex("010000")

    assert session_encryption_key(file_key, uid, counter).hex() == "66da61797e23deca5d8eca13bbadf7a9"
    assert session_mac_key(file_key, uid, counter).hex() == "3a3e8110e05311f7a3fcf0d969bf2b48"


def test_diversified_key_of_an10922() -> None:
    master = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    material = bytes.fromhex("04782E21801D803042F54E585020416275")

    assert diversify(master, material).hex() == "a8dd63a3b89d54b37ca802473fda9175"


def test_diversification_pads_to_two_blocks_and_is_plain_cmac_only_when_they_are_full() -> None:
    master = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    full, short = bytes(range(31)), bytes(range(7))

    assert diversify(master, full) == cmac(master, b"\x01" + full)
    assert diversify(master, short) != cmac(master, b"\x01" + short)
    assert len({diversify(master, bytes(length)) for length in range(1, 32)}) == 31


@pytest.mark.parametrize("length", [0, 32])
def test_diversification_refuses_other_lengths(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 31 bytes"):
        diversify(ZERO_KEY, bytes(length))


@pytest.mark.parametrize(("uri", "bits"), [(PLAIN_URI, 8 * 64), (ENC_URI, 8 * 101)])
def test_any_changed_bit_of_the_message_is_refused(uri: str, bits: int) -> None:
    start = uri.index("picc_data=")
    changed = [
        uri[:place] + chr(ord(uri[place]) ^ 1 << bit) + uri[place + 1 :]
        for place in range(start, len(uri))
        for bit in range(8)
    ]
    assert len(changed) == bits

    for forged in changed:
        if means_the_same(forged, uri):
            continue
        with pytest.raises((SunMalformed, SunForged)):
            verify_sun(parse_sun(forged), key_meta=ZERO_KEY, file_key_for=zero_key_for)


def means_the_same(one: str, other: str) -> bool:
    """Tell whether only hexadecimal digits outside the text under the MAC changed their case."""
    digits = "picc_data=", "cmac="
    folded = [
        [part.upper() if part.startswith(digits) else part for part in uri.partition("?")[2].split("&")]
        for uri in (one, other)
    ]
    return folded[0] == folded[1]


def test_message_is_refused_with_another_meta_key_or_file_key() -> None:
    message = parse_sun(PLAIN_URI)

    with pytest.raises(SunForged):
        verify_sun(message, key_meta=bytes(15) + b"\x01", file_key_for=zero_key_for)
    with pytest.raises(SunForged):
        verify_sun(message, key_meta=ZERO_KEY, file_key_for=lambda uid: bytes(15) + b"\x01")


def test_file_key_is_asked_for_the_uid_inside_the_message() -> None:
    asked: list[str] = []

    def key_for(uid: bytes) -> bytes:
        asked.append(uid.hex())
        return ZERO_KEY

    verify_sun(parse_sun(PLAIN_URI), key_meta=ZERO_KEY, file_key_for=key_for)

    assert asked == ["04de5f1eacc040"]


PICC = "picc_data=EF963FF7828658A599F3041510671E88"
MAC = "cmac=94EED9EE65337086"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://shop.example/t",
        f"https://shop.example/t?{PICC}",
        f"https://shop.example/t?{MAC}",
        f"https://shop.example/t?{MAC}&{PICC}",
        f"https://shop.example/t?{PICC}&{PICC}&{MAC}",
        f"https://shop.example/t?{PICC}&{MAC}&{MAC}",
        f"https://shop.example/t?{PICC}&{MAC}&more=1",
        f"https://shop.example/t?{PICC}&{MAC}#part",
        f"https://shop.example/t?{PICC}&{MAC}\n",
        f" https://shop.example/t?{PICC}&{MAC}",
        f"https://shop.example/t#?{PICC}&{MAC}",
        f"ftp://shop.example/t?{PICC}&{MAC}",
        f"https://shop.example/t?{PICC[:-1]}&{MAC}",
        f"https://shop.example/t?{PICC}0&{MAC}",
        f"https://shop.example/t?{PICC[:-1]}G&{MAC}",
        f"https://shop.example/t?{PICC[:-2]}８8&{MAC}",
        f"https://shop.example/t?{PICC}&{MAC[:-2]}",
        f"https://shop.example/t?{PICC}&{MAC}00",
        f"https://shop.example/t?{PICC}&enc=&{MAC}",
        f"https://shop.example/t?{PICC}&enc=00&{MAC}",
        f"https://shop.example/t?enc={'0' * 32}&{PICC}&{MAC}",
        f"https://shop.example/t?{PICC}&enc={'0' * 32}&enc={'0' * 32}&{MAC}",
        f"https://shop.example/t?picc_data=%45F963FF7828658A599F3041510671E8&{MAC}",
        f"https://shop.example/{'t' * 1024}?{PICC}&{MAC}",
    ],
)
def test_anything_but_the_one_form_is_malformed(uri: str) -> None:
    with pytest.raises(SunMalformed):
        parse_sun(uri)


@pytest.mark.parametrize("prefix", ["https://shop.example/t?", "http://127.0.0.1:8000/t?shop=7&v=1&"])
def test_parameters_before_the_message_are_left_alone(prefix: str) -> None:
    message = parse_sun(f"{prefix}{PICC.lower()}&{MAC.lower()}")

    assert verify_sun(message, key_meta=ZERO_KEY, file_key_for=zero_key_for).counter == 61
