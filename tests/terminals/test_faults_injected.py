"""The table of faults injected against faults diagnosed: a confusion is a failure."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from terminals.faults import CAUSES
from terminals.state import StateFolder
from terminals.terminal import enrol
from tests.terminals.broken_parts import can_make_networks
from tests.terminals.injections import INJECTIONS, Bench
from tests.terminals.injections_of_sales import SALES
from tests.terminals.recording_site import RecordingSite

CODES_MIN = 50


def test_each_injected_fault_is_diagnosed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    has_networks = can_make_networks()
    assert has_networks or os.environ.get("CI") != "true", "this machine can make no network namespace"
    rows, confused, codes = [], [], set()
    for number, (injected, how, inject) in enumerate((*INJECTIONS, *SALES)):
        if "namespace" in how and not has_networks:
            rows.append(f"{injected:<24}{'not tried':<24}{0:>6}  {how}")
            continue
        began = time.monotonic()
        diagnosed = injected_into(tmp_path / str(number), inject)
        took_ms = round((time.monotonic() - began) * 1000)
        rows.append(f"{injected:<24}{diagnosed or '-':<24}{took_ms:>6}  {how}")
        codes.add(injected)
        if diagnosed != injected:
            confused.append((injected, diagnosed, how))
    with capsys.disabled():
        print(f"\n{'injected':<24}{'diagnosed':<24}{'ms':>6}  how")
        print("\n".join(rows))
        print(f"{len(codes)} codes, {len(rows)} injections, {len(confused)} confused")
    assert confused == []
    assert codes <= set(CAUSES)
    assert len(codes) >= CODES_MIN


def injected_into(place: Path, inject: object) -> str | None:
    """Enrol a terminal at a site of its own, and inject one fault."""
    place.mkdir()
    site = RecordingSite()
    # What a simulated reader opens; the faults that are about a reader bring their own.
    device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    device.bind(("127.0.0.1", 0))
    try:
        folder = StateFolder(place / "state")
        reader = f"udp:127.0.0.1:{device.getsockname()[1]}"
        enrol(folder, site=site.address, code="CODE", reader=reader)
        assert callable(inject)
        code = inject(Bench(folder, site, place))
        assert code is None or isinstance(code, str)
        return code
    finally:
        site.stop()
        device.close()
