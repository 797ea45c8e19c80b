"""The guided test of a scanner: a person presents the test code, and what arrives tells what is wrong.

Knows the test code and what scanners do to it; must not know how a scanner is connected.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from terminals.messages import Texts
from terminals.payloads import classify
from terminals.state import StateFolder, write_durably

# Letters that move on other keyboards (QWERTZ, AZERTY), both cases, digits, signs that need Shift somewhere.
TEST_CODE = "PREPAID-TEST:qwertyzma/0123456789=END"
TRIES = 3
KEPT_FOR = timedelta(days=7)
Shape = Literal["whole", "cut", "surrounded", "case", "wide", "keyboard", "other"]
_DE = str.maketrans("yzYZ-/:=", "zyZYß-Ö´")
_FR = str.maketrans("qwazmQWAZM0123456789-/:=", "azqw,AZQW?à&é\"'(-è_ç)!M+")
KEYBOARDS = {"QWERTZ": TEST_CODE.translate(_DE), "AZERTY": TEST_CODE.translate(_FR)}
CLEAN = Texts(en="HW-SCN-02: wipe the window with a soft cloth.", zh="HW-SCN-02：请用软布擦拭扫描窗。")
CUSTOMER = Texts(
    en="HW-SCN-01: the scanner is well. Raise the screen's brightness, then scan the customer's code.",
    zh="HW-SCN-01：扫码器正常。请调亮屏幕，再扫顾客的码。",
)
UNREAD = Texts(
    en="the test code reads, the customer's in part or not at all", zh="测试码可读，顾客的码扫不全"
)
SAID: dict[Shape, Texts] = {
    "whole": Texts(en="the test code arrives whole", zh="测试码完整"),
    "cut": Texts(en="the test code arrives cut", zh="测试码被截断"),
    "surrounded": Texts(
        en="a prefix or suffix is added: only Enter may follow a code", zh="多了前缀或后缀：码后只应有回车"
    ),
    "case": Texts(en="capitals are swapped: Caps Lock, or a setting", zh="大小写互换：大写锁定或扫码器设置"),
    "wide": Texts(en="full-width letters: switch the input method off", zh="收到全角字符：请关闭输入法"),
    "keyboard": Texts(en="the keyboard layout is not US", zh="键盘布局不是美式"),
    "other": Texts(en="another code than the test code was scanned", zh="扫到的不是测试码"),
}


class ScanResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a guided test came to: no code where the scanner is well."""

    code: str | None
    detail: Texts
    at: datetime

    @property
    def scanner_code(self) -> str:
        """What is wrong with the scanner itself: nothing where the customer's code is at fault."""
        is_of_customer = self.code is None or self.code == "HW-SCN-01" or self.code.startswith("CODE-")
        return "" if is_of_customer or self.code is None else self.code


def shape_of(scanned: str) -> Shape:
    """Name what a scanner did to the test code."""
    text = scanned.strip("\r\n")
    if text == TEST_CODE:
        return "whole"
    if unicodedata.normalize("NFKC", text) == TEST_CODE:
        return "wide"
    if text.swapcase() == TEST_CODE or text in {TEST_CODE.upper(), TEST_CODE.lower()}:
        return "case"
    if TEST_CODE in text:
        return "surrounded"
    if text in KEYBOARDS.values() or _is_spelt_alike(text):
        return "keyboard"
    if len(text) >= 4 and text in TEST_CODE:
        return "cut"
    return "other"


def guide(
    scan: Callable[[], str | None],
    tell: Callable[[Texts], None],
    note: Callable[[str], None] = lambda code: None,
    *,
    customer_fails: bool = False,
) -> ScanResult:
    """Lead a person through the test; `scan` gives one code, None when none came, EOFError when they left.

    Nothing decodes in three tries: HW-SCN-02 and a cleaning, then three tries more: HW-SCN-03. A changed
    code is HW-SCN-04. With `customer_fails`, a test code that reads means that the customer's code is at
    fault (HW-SCN-01), and that is scanned once more. `note` is told the codes on the way.
    """
    is_cleaned = False
    try:
        for is_cleaned in (False, True):
            code, detail = _count(scan, tell)
            if code is None and customer_fails:
                note("HW-SCN-01")
                tell(CUSTOMER)
                return _noted(*_code_of_customer(scan()), note)
            if code != "HW-SCN-02":
                return _noted(code, detail, note)
            if not is_cleaned:
                note(code)
                tell(CLEAN)
    except EOFError:
        if not is_cleaned:
            raise
        return _noted("HW-SCN-02", _missed(TRIES), lambda code: None)
    return _noted("HW-SCN-03", _missed(2 * TRIES), note)


def _code_of_customer(scanned: str | None) -> tuple[str, Texts]:
    """Name what is wrong with a customer's code while the scanner is well: its picture, or what it says."""
    payload = None if scanned is None else classify(scanned)
    if payload is None or payload.is_cut:
        return "CODE-IMG-01", UNREAD
    return payload.fault or "HW-SCN-01", Texts(en="it reads now", zh="现在可读")


def _count(scan: Callable[[], str | None], tell: Callable[[Texts], None]) -> tuple[str | None, Texts]:
    """Have the test code presented until it arrives in any shape, so many times at most."""
    for _ in range(TRIES):
        tell(Texts(en="Scan the test code of the test sheet.", zh="请扫描测试页上的测试码。"))
        scanned = scan()
        if scanned is None:
            continue
        shape = shape_of(scanned)
        if shape != "other":
            return (None if shape == "whole" else "HW-SCN-04"), SAID[shape]
        tell(SAID[shape])
    return "HW-SCN-02", _missed(TRIES)


def _missed(tries: int) -> Texts:
    return Texts(en=f"no test code in {tries} tries", zh=f"{tries} 次未读到测试码")


def save_result(folder: StateFolder, result: ScanResult) -> None:
    """Keep what the test came to, for the diagnosis and the next heartbeat."""
    write_durably(_file(folder), msgspec.json.encode(result))


def last_result(folder: StateFolder) -> ScanResult | None:
    """Give what the last test of this week came to."""
    try:
        found = msgspec.json.decode(_file(folder).read_bytes(), type=ScanResult)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if datetime.now(UTC) - found.at < KEPT_FOR else None


def _is_spelt_alike(text: str) -> bool:
    """Tell whether a text is the test code key by key: as long, its digits in place, other keys elsewhere."""
    if len(text) != len(TEST_CODE) or text == TEST_CODE:
        return False
    same = sum(one == other for one, other in zip(text, TEST_CODE, strict=True))
    return same >= len(TEST_CODE) // 2


def _noted(code: str | None, detail: Texts, note: Callable[[str], None]) -> ScanResult:
    if code is not None:
        note(code)
    return ScanResult(code=code, detail=detail, at=datetime.now(UTC))


def _file(folder: StateFolder) -> Path:
    return folder.path / "scan-test.json"
