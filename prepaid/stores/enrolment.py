"""Enrolment of terminals: a code that is good once and for 15 minutes, and the terminal that it makes.

Knows codes, names and pairing; must not know how a request is signed or sent.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from prepaid.keys import site_keys
from prepaid.stores.errors import EnrolmentRefused, TerminalNameTaken
from prepaid.stores.models import Enrolment, Store, Terminal, Till

VALID_FOR = timedelta(minutes=15)
# Letters that are not taken for one another or for digits when read aloud or by hand: 20^10 codes.
LETTERS = "ACDEFGHJKMNPQRTUVWXY"
CODE_LETTERS = 10
PUBLIC_KEY_BYTES = 32


def create_code(store: Store, *, name: str = "", standby: bool = False, at: datetime) -> tuple[str, datetime]:
    """Make an enrolment code for a terminal of a store; give it, for the only time, and when it expires.

    Raises TerminalNameTaken.
    """
    if name and Terminal.objects.filter(store=store, name=name).exists():
        raise TerminalNameTaken(name)
    letters = "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))
    expires_at = at + VALID_FOR
    Enrolment.objects.create(
        store=store, code_hash=_hash(letters), terminal_name=name, standby=standby, expires_at=expires_at
    )
    return f"{letters[:5]}-{letters[5:]}", expires_at


def enrol(code: str, public_key: bytes, *, agent_version: str, platform: str, at: datetime) -> Terminal:
    """Use up a code and make its terminal, paired with the first till of the store that has none.

    Locks the enrolment, then the store. Raises EnrolmentRefused; ValueError for a key that is not 32 bytes.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"a public key is {PUBLIC_KEY_BYTES} bytes")
    with transaction.atomic():
        enrolment = _use_up(code, at)
        # Two terminals enrolled at once in one store must not choose the same name or till.
        store = Store.objects.select_for_update().get(pk=enrolment.store_id)
        terminal = Terminal.objects.create(
            store=store,
            name=_free_name(store, enrolment.terminal_name),
            public_key=public_key,
            state=Terminal.State.STANDBY if enrolment.standby else Terminal.State.ACTIVE,
            platform=platform,
            agent_version=agent_version,
            enrolled_at=at,
        )
        Enrolment.objects.filter(pk=enrolment.pk).update(terminal=terminal)
        if not enrolment.standby:
            _pair(terminal)
    return terminal


def _use_up(code: str, at: datetime) -> Enrolment:
    usable = Enrolment.objects.filter(code_hash=_hash(code), used_at=None, expires_at__gt=at)
    if usable.update(used_at=at) != 1:
        raise EnrolmentRefused
    return Enrolment.objects.get(code_hash=_hash(code))


def _pair(terminal: Terminal) -> None:
    till = Till.objects.filter(store_id=terminal.store_id, terminal=None).order_by("name").first()
    if till is not None:
        Till.objects.filter(pk=till.pk).update(terminal=terminal)


def _free_name(store: Store, wanted: str) -> str:
    """Give the wanted name, or the first free of T1, T2 and so on."""
    taken = set(Terminal.objects.filter(store=store).values_list("name", flat=True))
    if wanted and wanted not in taken:
        return wanted
    return next(name for number in range(1, len(taken) + 2) if (name := f"T{number}") not in taken)


def _hash(code: str) -> bytes:
    """Hash a code as typed: in any case, with or without spaces and dashes."""
    return site_keys().enrolment_hash(re.sub(r"[\s\-]", "", code).upper())
