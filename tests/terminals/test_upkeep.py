"""The commands of upkeep: the diagnosis by itself after a failure, the guided test, the test sheet."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser

from terminals.journal import Journal
from terminals.scan_test import KEYBOARDS, TEST_CODE, guide, last_result, shape_of
from terminals.scanners import ScannerError, next_code, open_scanner
from terminals.scanners.typed import TypedScanner
from terminals.state import StateFolder
from terminals.test_sheet import sheet_html
from tests.terminals.broken_parts import scanner
from tests.terminals.conftest import ROOT, Agent
from tests.terminals.recording_site import RecordingSite

SALE = ("redeem", "--amount", "1", "--qr", "87001234567890123458")


@pytest.mark.parametrize(
    ("scanned", "shape"),
    [
        (TEST_CODE, "whole"),
        (TEST_CODE + "\r\n", "whole"),
        (TEST_CODE[:12], "cut"),
        (TEST_CODE[5:], "cut"),
        ("]Q1" + TEST_CODE, "surrounded"),
        (TEST_CODE + "\t", "surrounded"),
        (TEST_CODE.swapcase(), "case"),
        (TEST_CODE.upper(), "case"),
        ("".join(chr(ord(each) + 0xFEE0) for each in TEST_CODE), "wide"),
        (KEYBOARDS["QWERTZ"], "keyboard"),
        (KEYBOARDS["AZERTY"], "keyboard"),
        ("6901234567892", "other"),
        ("", "other"),
    ],
)
def test_what_a_scanner_did_to_the_test_code_has_a_name(scanned: str, shape: str) -> None:
    assert shape_of(scanned) == shape


def test_the_guided_test_counts_and_tells_what_to_do() -> None:
    scans: list[str | None] = [None, "6901234567892", None, None, TEST_CODE]
    said: list[str] = []
    noted: list[str] = []

    result = guide(lambda: scans.pop(0), lambda texts: said.append(texts.en), noted.append)

    assert (result.code, noted) == (None, ["HW-SCN-02"])
    assert said.count("Scan the test code of the test sheet.") == 5
    assert "HW-SCN-02: wipe the window with a soft cloth." in said


def test_a_scanner_that_is_pulled_out_is_named() -> None:
    with scanner() as (path, _port):
        plugged = open_scanner(f"serial:{path}")
        plugged.open()
    with pytest.raises(ScannerError) as raised:
        next_code(plugged, 5.0)
    plugged.close()
    assert raised.value.code == "HW-USB-01"
    assert "已断开" in raised.value.detail_zh


def test_a_typed_code_ends_with_enter_or_with_the_input() -> None:
    inside, outside = os.pipe()
    typed = TypedScanner(inside)
    os.write(outside, b"one\r\ntwo\nthr")
    assert (next_code(typed, 5.0), next_code(typed, 5.0), next_code(typed, 0.01)) == ("one", "two", None)
    os.write(outside, b"ee")
    os.close(outside)

    assert next_code(typed, 5.0) == "three"
    with pytest.raises(EOFError):
        next_code(typed, 5.0)
    os.close(inside)


def test_the_scanner_is_tested_by_command_and_the_diagnosis_remembers(agent: Agent) -> None:
    def test(typed: str) -> tuple[int, str | None]:
        words = [sys.executable, "-m", "terminals", "doctor", "--scan", "--json"]
        ended = subprocess.run(
            [*words, "--state", str(agent.folder.path)],
            input=typed,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        shown = json.loads(ended.stdout)
        assert set(shown["detail"]) == {"en", "zh"}
        return ended.returncode, shown["code"]

    assert test(TEST_CODE[:10] + "\n") == (5, "HW-SCN-04")
    result = last_result(agent.folder)
    assert result is not None
    assert result.code == "HW-SCN-04"
    journal = Journal(agent.folder.journal_file, agent.folder.enrolment().terminal_id)
    assert [fault.code for _, fault in journal.list_untold_faults()] == ["HW-SCN-04"]
    journal.close()
    assert test(TEST_CODE + "\n") == (0, None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_failed_sale_names_the_cause_that_the_tree_found(
    agent: Agent, site: RecordingSite, language: str
) -> None:
    site.fates.extend(["dropped"] * 4)
    site.clock_off = timedelta(minutes=10)
    ended = agent.run(*SALE, "--lang", language)
    assert ended.returncode == 3
    said = {"en": "Terminal clock wrong", "zh": "时间不准"}[language]
    assert said in ended.stdout + ended.stderr
    journal = Journal(agent.folder.journal_file, agent.folder.enrolment().terminal_id)
    assert [fault.code for _, fault in journal.list_untold_faults()] == ["SW-CLK-01"]
    journal.close()


def test_a_failed_sale_still_says_whether_money_moved(agent: Agent, site: RecordingSite) -> None:
    site.fates.extend(["lost"] * 4)
    site.clock_off = timedelta(minutes=10)
    code, shown = agent.json(*SALE)
    assert (code, shown["code"], shown["money_moved"], shown["retry"]) == (3, "SW-CLK-01", "unknown", "same")


def test_the_test_sheet_is_read_by_a_camera_in_both_sizes(browser: Browser, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.html"
    sheet.write_text(sheet_html())
    page = browser.new_page(device_scale_factor=2)
    page.goto(sheet.as_uri())
    for place in (".large", ".small"):
        drawn = Image.open(io.BytesIO(page.locator(place).screenshot()))
        assert [code.text for code in zxingcpp.read_barcodes(drawn)] == [TEST_CODE], place
    page.close()


def test_the_sheet_is_written_by_command(agent: Agent, tmp_path: Path) -> None:
    ended = agent.run("test-sheet", "--output", str(tmp_path / "sheet.html"))
    assert ended.returncode == 0
    assert (tmp_path / "sheet.html").read_text() == sheet_html()


def test_recovery_of_a_file_that_is_no_journal_exits_7(agent: Agent, folder: StateFolder) -> None:
    code, shown = agent.json("recover", "--journal", str(folder.key_file))
    assert (code, shown["code"], shown["money_moved"]) == (7, "SW-JRN-01", "no")
