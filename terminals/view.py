"""How the terminal looks: rows of styled text made from what is shown, 80 columns by 24 rows and more.

Knows layout and widths; must not know curses or change anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from terminals.amounts import UNITS, Language, format_amount, format_money, unit_word
from terminals.doctor import MARKS, detail_in, first_fault
from terminals.faults import cause_of
from terminals.identifiers import rrn_of
from terminals.journal import Entry
from terminals.keying import Keying
from terminals.receipt import columns
from terminals.results import Result
from terminals.shown import MODES, Shown, capture_minor
from terminals.state import Enrolment
from terminals.texts import text

Style = Literal["plain", "dim", "bold", "bar", "mode", "armed", "ok", "bad", "warn", "ask"]
Row = list[tuple[str, Style]]
WIDTH_MIN = 78
HEIGHT_MIN = 24
PANEL_ROWS = 6
# Five rows to a digit, so that the amount can be read from across the counter.
_DIGITS = {
    "0": ("███", "█ █", "█ █", "█ █", "███"),
    "1": (" █ ", "██ ", " █ ", " █ ", "███"),
    "2": ("███", "  █", "███", "█  ", "███"),
    "3": ("███", "  █", "███", "  █", "███"),
    "4": ("█ █", "█ █", "███", "  █", "  █"),
    "5": ("███", "█  ", "███", "  █", "███"),
    "6": ("███", "█  ", "███", "█ █", "███"),
    "7": ("███", "  █", "  █", "  █", "  █"),
    "8": ("███", "█ █", "███", "█ █", "███"),
    "9": ("███", "█ █", "███", "  █", "███"),
    ".": (" ", " ", " ", " ", "█"),
    ",": (" ", " ", " ", "█", "█"),
}
_OUTCOME_STYLES: dict[str, Style] = {
    "approved": "ok",
    "declined": "bad",
    "refused": "bad",
    "unknown": "warn",
    "not_sent": "warn",
    "no_card": "warn",
    "fault": "warn",
}
_MARKS = {"ok": "✔", "bad": "✘", "warn": "!"}


def draw(shown: Shown, enrolment: Enrolment, now: datetime, *, width: int, height: int) -> list[Row]:
    """Draw the whole screen: exactly `height` rows, none wider than `width` columns."""
    if width < WIDTH_MIN or height < HEIGHT_MIN:
        small: Row = [(_cut(text("too_small", shown.language), width), "warn")]
        return [small, *([] for _ in range(height - 1))]
    rows = [_bar(enrolment, now, width), _modes(shown)]
    if shown.findings is not None:
        # The diagnosis needs the room of the amount, which a new digit clears anyway.
        rows += [_hint(shown, width), *_findings(shown, width)]
    else:
        rows += [*_amount(shown), _hint(shown, width)]
        rows += _panel(shown, width)
        rows += _history(shown, enrolment)
    foot: list[Row] = [
        *_exposure(shown, enrolment, width),
        _status(shown),
        [(_cut(text("keys", shown.language), width), "dim")],
    ]
    rows = rows[: height - len(foot)]
    return [*rows, *([] for _ in range(height - len(foot) - len(rows))), *foot]


def _bar(enrolment: Enrolment, now: datetime, width: int) -> Row:
    clock = f"{now.astimezone(ZoneInfo(enrolment.timezone)):%Y-%m-%d %H:%M:%S} "
    left = _cut(f" {enrolment.store_name} · {enrolment.name}", width - columns(clock) - 1)
    return [(_fit(left, width - columns(clock)) + clock, "bar")]


def _modes(shown: Shown) -> Row:
    row: Row = [(" ", "plain")]
    for mode, key in MODES.items():
        style: Style = "mode" if mode == shown.mode else "dim"
        row += [(f" {key} {text(mode, shown.language)} ", style), (" ", "plain")]
    row.append((text("keys_letters", shown.language), "dim"))
    return row


def _amount(shown: Shown) -> list[Row]:
    if shown.mode == "balance" and not shown.typed:
        return [[] for _ in range(5)]
    style: Style = "bold" if shown.typed else "dim"
    unit = shown.currency
    if unit in UNITS:
        unit = unit_word(unit, int(shown.typed or 0), shown.language)
    digits = [_DIGITS[letter] for letter in shown.typed or "0"]
    rows: list[Row] = []
    for line in range(5):
        # Full blocks of two columns, because a character cell is twice as high as it is wide.
        wide = "  ".join("".join(cell * 2 for cell in digit[line]) for digit in digits)
        label = f" {unit} " if line == 4 else " " * (columns(unit) + 2)
        rows.append([(label, "bold"), (wide, style)])
    return rows


def _hint(shown: Shown, width: int) -> Row:
    language = shown.language
    if shown.question is not None:
        what = _asked_of(shown)
        asked = text(f"ask_{shown.question}", language).format(what=what)
        return [(_fit(f" {asked}   {text('ask_keys', language)}", width), "ask")]
    if shown.working is not None:
        return [(_fit(f" {text(f'working_{shown.working}', language)}", width), "ask")]
    if shown.keying is not None:
        return _keying(shown.keying, shown, width)
    if shown.pin is not None:
        typed = f" {text('key_pin', language)}: {'*' * len(shown.pin.typed)}_   {text('key_keys', language)}"
        return [(_fit(_cut(typed, width), width), "ask")]
    if shown.is_armed:
        more = text("pin_typed" if shown.is_pin_typed else "armed_more", language)
        return [(_fit(_cut(f" >>> {text('armed', language)}   {more}", width), width), "armed")]
    if shown.hint:
        return [(f" {text(shown.hint, language)}", "warn")]
    if shown.card_code:
        cause = cause_of(shown.card_code)
        return [(_cut(f" {cause.code}: {getattr(cause.text, language)}", width), "warn")]
    if shown.mode == "balance":
        return [(f" {text('hint_balance', language)}", "plain")]
    if shown.mode == "hold":
        return [(f" {text('hint_hold', language)}", "plain")]
    return [(f" {text('hint_enter' if shown.typed else 'hint_type', language)}", "plain")]


def _keying(keying: Keying, shown: Shown, width: int) -> Row:
    if keying.fault:
        cause = cause_of(keying.fault)
        line = f" {keying.number}  {cause.code}: {getattr(cause.text, shown.language)}"
        return [(_fit(_cut(line, width), width), "warn")]
    groups = " ".join(keying.number[place : place + 4] for place in range(0, len(keying.number), 4))
    typed = f"{text('key_number', shown.language)}: {groups}"
    if keying.pin is not None:
        typed = f"{typed}   {text('key_pin', shown.language)}: {'*' * len(keying.pin)}"
    return [(_fit(_cut(f" {typed}_   {text('key_keys', shown.language)}", width), width), "ask")]


def _panel(shown: Shown, width: int) -> list[Row]:
    if shown.batch is not None:
        style: Style = "ok" if shown.batch.answer.balanced else "warn"
        lines = list(_batch_lines(shown))
    elif shown.result is not None:
        style = _OUTCOME_STYLES[shown.result.outcome]
        lines = list(_result_lines(shown.result, shown, style, width))
    else:
        return _reader_panel(shown, width)
    lines = ["", *lines][:PANEL_ROWS]
    lines += [""] * (PANEL_ROWS - len(lines))
    return [[(_fit(_cut(f"   {line}", width), width), style)] for line in lines]


def _reader_panel(shown: Shown, width: int) -> list[Row]:
    """Name the reader's fault, or a lock, where no result is shown: the terminal goes on with what works."""
    code = "SW-TAMP-01" if shown.is_locked else shown.reader_code
    if not code:
        return [[] for _ in range(PANEL_ROWS)]
    cause = cause_of(code)
    which = "" if shown.is_locked else f"   {shown.reader_name}"
    lines = [
        "",
        f"! {code}{which}",
        getattr(cause.text, shown.language),
        getattr(cause.action, shown.language),
    ]
    lines += [text("moved_no", shown.language), ""]
    return [[(_fit(_cut(f"   {line}", width), width), "warn")] for line in lines]


def _result_lines(result: Result, shown: Shown, style: Style, width: int) -> Iterator[str]:
    language = shown.language
    is_inquiry = result.type == "inquiry"
    word = text(
        "inquiry" if is_inquiry else "personalised" if result.key_version else result.outcome, language
    )
    spaced = " ".join(word) if language == "en" else "  ".join(word)
    kind = f"   {text(result.type, language)}" if result.type and not is_inquiry else ""
    code = "" if result.outcome == "approved" else f"   {result.code}"
    yield f"{_MARKS.get(style, ' ')}  {spaced}{kind}{code}"
    amounts = "   ".join(_amounts(result, shown))
    if amounts:
        yield amounts
    if result.outcome != "approved" or result.stand_in:
        said = [result.message] if result.action is None else [result.message, result.action]
        yield from _wrap(" · ".join(getattr(texts, language) for texts in said), width - 6)[:2]
    facts = [] if is_inquiry else [text(f"moved_{result.money_moved}", language)]
    if result.outcome == "unknown":
        facts.append(text("unknown_keys", language))
    elif result.outcome != "approved":
        facts.append(text(f"retry_{result.retry}", language))
        if result.fix:
            facts.append(text(f"fix_{result.fix}", language))
    if result.rrn:
        facts.append(result.rrn)
    yield " · ".join(facts)


def _amounts(result: Result, shown: Shown) -> Iterator[str]:
    language = shown.language
    currency = result.currency or shown.currency
    is_approved = result.outcome == "approved"
    amount = result.approved_amount if is_approved else result.amount
    if amount is not None:
        yield format_money(amount, currency, language)
    if is_approved and result.amount is not None and amount is not None and amount < result.amount:
        yield f"{text('still_due', language)} {_figure(result.amount - amount, currency, language)}"
    if result.balance is not None:
        yield f"{text('new_balance', language)} {format_money(result.balance, currency, language)}"
    if result.available is not None and result.available != result.balance:
        yield f"{text('available', language)} {_figure(result.available, currency, language)}"
    if result.card is not None:
        yield f"{text('card', language)} {result.card.number_masked}"
    if result.type == "inquiry" and result.detail not in {None, "active"}:
        yield str(result.detail)


def _batch_lines(shown: Shown) -> Iterator[str]:
    assert shown.batch is not None
    told, answer = shown.batch.told, shown.batch.answer
    yield f"{text('batch', shown.language)}  {told.first_sequence}-{told.last_sequence}"
    yield "   ".join(
        f"{text(kind, shown.language)} {total.count}: {format_amount(total.amount, shown.money)}"
        for kind, total in told.totals.items()
    )
    yield text("balanced" if answer.balanced else "differs", shown.language)
    if answer.missing_sequences:
        yield ", ".join(map(str, answer.missing_sequences[:12]))


def _findings(shown: Shown, width: int) -> list[Row]:
    assert shown.findings is not None
    language = shown.language
    styles: dict[str, Style] = {"ok": "plain", "fault": "bad", "warning": "warn", "skipped": "dim"}
    rows: list[Row] = []
    for finding in shown.findings:
        step = _fit(text(f"step_{finding.step}", language), 11)
        line = " ".join(filter(None, (finding.code, detail_in(finding.detail, language))))
        line = f" {MARKS[finding.status]} {step} {finding.duration_ms:>5} ms  {line}"
        rows.append([(_cut(line, width), styles[finding.status])])
    worst = first_fault(shown.findings)
    if worst is None or worst.code is None:
        return [*rows, [(f" {text('all_well', language)}", "ok")]]
    cause = cause_of(worst.code)
    line = f" {cause.code}: {getattr(cause.text, language)} {getattr(cause.action, language)}"
    return [*rows, [(_cut(line, width), "bad" if worst.status == "fault" else "warn")]]


def _history(shown: Shown, enrolment: Enrolment) -> list[Row]:
    rows: list[Row] = [[(f" {text('last', shown.language)}", "bold")]]
    if not shown.last:
        rows.append([(f"   {text('none_yet', shown.language)}", "dim")])
    for entry in shown.last:
        state = entry.answer.outcome if entry.answer else entry.state
        at = entry.occurred_at.astimezone(ZoneInfo(enrolment.timezone))
        card = entry.answer.card.number_masked if entry.answer and entry.answer.card else ""
        money = _right(_money(entry, shown.language), 15)
        line = (
            f"   {at:%H:%M:%S}  {_fit(text(entry.type, shown.language), 9)} {money}  "
            f"{_fit(text(f'state_{state}', shown.language), 9)} {_fit(card, 10)} {rrn_of(entry.id)}"
        )
        rows.append([(line, "plain" if state == "approved" else "bad" if state == "declined" else "warn")])
    return rows


def _exposure(shown: Shown, enrolment: Enrolment, width: int) -> list[Row]:
    """Say what was sold offline and is not told yet, as long as there is any."""
    if not shown.exposure.count or shown.exposure.oldest_at is None:
        return []
    language = shown.language
    oldest = shown.exposure.oldest_at.astimezone(ZoneInfo(enrolment.timezone))
    money = format_money(shown.exposure.amount, shown.currency)
    told = f" {text('exposure', language)}: {shown.exposure.count} · {money} · "
    told += f"{text('since', language)} {oldest:%m-%d %H:%M}"
    return [[(_cut(told, width), "warn")]]


def _status(shown: Shown) -> Row:
    language = shown.language
    site = text("not_yet" if shown.site_code is None else "ready", language)
    reader = text("opening" if shown.reader_code is None else "ready", language)
    has_scanner = shown.scanner_code is not None
    scanner = [("scanner", text("ready", language), shown.scanner_code)] if has_scanner else []
    row: Row = []
    for name, said, code in (
        ("site", site, shown.site_code),
        ("reader", reader, shown.reader_code),
        *scanner,
        ("queue", str(shown.unknown), "SW-QUE-01" if shown.unknown else ""),
    ):
        style: Style = "bad" if code else "plain"
        value = said if name == "queue" else code or said
        row += [
            (f" {text(name, language)}: ", "dim"),
            (f"{'!' if code else ''}{value} ", style),
            (" ", "plain"),
        ]
    if shown.is_locked:
        row.append((text("locked", language), "bad"))
    return row


def _asked_of(shown: Shown) -> str:
    """Name what a question is about: what would be voided, or the hold, and how much of it."""
    if shown.question == "void" and shown.undoable is not None:
        return _brief(shown.undoable, shown)
    if shown.question not in {"capture", "release"} or shown.held is None:
        return ""
    card = shown.held.answer.card.number_masked if shown.held.answer and shown.held.answer.card else ""
    held, amount = f"{_brief(shown.held, shown)} {card}", capture_minor(shown)
    if shown.question == "release" or amount is None:
        return held
    return f"{_figure(amount, shown.held.currency or shown.money, shown.language)} / {held}"


def _brief(entry: Entry, shown: Shown) -> str:
    return f"{text(entry.type, shown.language)} {_money(entry, shown.language)}"


def _figure(amount_minor: int, currency: str, language: Language) -> str:
    """Write an amount of money beside another without its currency; units keep their word."""
    if currency in UNITS:
        return format_money(amount_minor, currency, language)
    return format_amount(amount_minor, currency)


def _money(entry: Entry, language: Language) -> str:
    if entry.answer is not None and entry.answer.currency and entry.answer.outcome == "approved":
        return format_money(entry.answer.approved_amount, entry.answer.currency, language)
    if entry.amount_minor is None or entry.currency is None:
        return ""
    return format_money(entry.amount_minor, entry.currency, language)


def _wrap(line: str, width: int) -> list[str]:
    """Break a sentence into lines of a width: at a space where there is one, anywhere in Chinese."""
    lines = []
    while columns(line) > width:
        room = len(_cut(line, width))
        space = line.rfind(" ", 0, room + 1)
        room = space if space > room // 2 else room
        lines.append(line[:room].rstrip())
        line = line[room:].lstrip()
    return [*lines, line]


def _right(line: str, width: int) -> str:
    return " " * max(0, width - columns(line)) + line


def _fit(line: str, width: int) -> str:
    return line + " " * max(0, width - columns(line))


def _cut(line: str, width: int) -> str:
    while columns(line) > width:
        line = line[:-1]
    return line
