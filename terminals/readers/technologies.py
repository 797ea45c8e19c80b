"""What kind of card answered, told by what it says of itself before anything is read.

Knows the identification bytes of NXP and Sony; must not know a driver, nor which kinds a site trusts.
"""

from __future__ import annotations

IS_ISO_DEP = 0x20
IS_MIFARE_CLASSIC = 0x08
IS_PEER = 0x40
RANDOM_UID_MARK = 0x08
PEER_MARK = b"\x01\xfe"

# GET_VERSION of type 2 tags: product, subtype, major, minor, storage size (NXP data sheets, 0 left out).
TYPE_2_VERSIONS = {
    "0401010b": "ntag210",
    "0401010e": "ntag212",
    "0402010f": "ntag213",
    "04020111": "ntag215",
    "04020113": "ntag216",
    "0301010b": "ultralight_ev1",
    "0302010b": "ultralight_ev1",
    "0301010e": "ultralight_ev1",
    "0302010e": "ultralight_ev1",
}
TYPE_2_FAMILIES = {0x03: "ultralight", 0x04: "ntag"}
# GetVersion of ISO-DEP cards: product and major version.
ISO_DEP_VERSIONS = {
    (0x04, 0x30): "ntag424",
    (0x04, 0x10): "ntag413",
    (0x01, 0x01): "desfire_ev1",
    (0x01, 0x12): "desfire_ev2",
    (0x01, 0x33): "desfire_ev3",
    (0x08, 0x30): "desfire_light",
}
# PC/SC part 3, 3.1.3.2.3.2: a storage card's ATR names its kind; an ISO-DEP card's bears its own bytes.
STORAGE_CARD_MARK = bytes.fromhex("A000000306")
STORAGE_CARDS = {
    "0001": "mifare_classic",
    "0002": "mifare_classic",
    "0003": "type_2",
    "003a": "type_2",
    "003b": "felica",
    "0026": "mifare_classic",
}
FELICA_CODES = {0xF0: "felica_lite", 0xF1: "felica_lite_s", 0xF2: "felica_link"}


def type_2_technology(version: bytes | None) -> str:
    """Name a type 2 tag by its answer to GET_VERSION; None where it gave none."""
    if version is None or len(version) != 8 or version[1] != 0x04:
        return "type_2"
    product, subtype, major, minor, size = version[2:7]
    known = TYPE_2_VERSIONS.get(bytes([product, subtype, major, size]).hex())
    return (
        known or f"{TYPE_2_FAMILIES.get(product, 'type_2')}_{product:02x}{subtype:02x}{major:02x}{minor:02x}"
    )


def iso_dep_technology(version: bytes | None) -> str:
    """Name an ISO-DEP card by the first part of its answer to GetVersion; None where it gave none."""
    if version is None or len(version) < 7 or version[0] != 0x04:
        return "iso_dep"
    product, major = version[1], version[3]
    return ISO_DEP_VERSIONS.get((product, major), f"iso_dep_{product:02x}{major:02x}")


def felica_technology(manufacture_parameters: bytes) -> str:
    """Name a FeliCa card by its IC code."""
    return FELICA_CODES.get(manufacture_parameters[1], "felica")


def is_random(uid: bytes) -> bool:
    """Tell whether an identifier is drawn anew in every field (ISO/IEC 14443-3, NFC-DEP)."""
    return (len(uid) == 4 and uid[0] == RANDOM_UID_MARK) or uid.startswith(PEER_MARK)


def is_sun(uri: str) -> bool:
    """Tell whether an address carries a card's proof, right or wrong: its site decides."""
    names = {pair.partition("=")[0] for pair in uri.partition("?")[2].split("&")}
    return {"picc_data", "cmac"} <= names


def storage_card_technology(atr: bytes) -> str | None:
    """Name a card that takes no APDUs by the ATR that its reader made up; None for one that takes them."""
    place = atr.find(STORAGE_CARD_MARK)
    if place < 0:
        return None
    name = atr[place + len(STORAGE_CARD_MARK) + 1 :][:2]
    return STORAGE_CARDS.get(name.hex(), f"storage_{name.hex()}")
