"""The full screen in curses: keys come in by name, rows go out in colour, and events wake it at once.

Knows curses and file descriptors; must not know what a key does or what a row says.
"""

from __future__ import annotations

import contextlib
import curses
import locale
import os
import select
from collections.abc import Callable

from terminals.receipt import columns
from terminals.view import Row, Style

ESCAPE_MS = 50
TICK_S = 0.5
_KEYS: dict[int | str, str] = {
    "\n": "enter", "\r": "enter", "\x1b": "esc", "\x7f": "backspace", "\b": "backspace", "\x03": "f10",
    curses.KEY_ENTER: "enter", curses.KEY_BACKSPACE: "backspace", curses.KEY_DC: "backspace",
    **{curses.KEY_F0 + number: f"f{number}" for number in range(1, 11)},
}  # fmt: skip
_PAIRS: dict[Style, int] = {"ok": 1, "bad": 2, "warn": 3, "bar": 4, "mode": 5, "armed": 6, "ask": 7}


class Wake:
    """A pipe that ends the screen's wait from another thread or a signal."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __call__(self) -> None:
        """End the wait; harmless when it is not waiting."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._write, b".")

    def fileno(self) -> int:
        """Give what to wait on."""
        return self._read

    def clear(self) -> None:
        """Forget earlier wakes."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 1024):
                pass


class Screen:
    """One full screen, between `with` and its end."""

    def __init__(self, window: curses.window, wake: Wake) -> None:
        self._window = window
        self._wake = wake
        window.nodelay(True)
        window.keypad(True)
        with contextlib.suppress(curses.error):
            curses.curs_set(0)
        self._styles = _styles()

    def size(self) -> tuple[int, int]:
        """Give width and height in characters."""
        height, width = self._window.getmaxyx()
        return width, height

    def show(self, rows: list[Row]) -> None:
        """Put the rows on the screen; only what changed is sent to the terminal."""
        self._window.erase()
        width, height = self.size()
        for line, row in enumerate(rows[:height]):
            column = 0
            for words, style in row:
                # The last cell of the last row scrolls the window when it is written.
                room = width - column - (1 if line == height - 1 else 0)
                piece = words
                while columns(piece) > room:
                    piece = piece[:-1]
                with contextlib.suppress(curses.error):
                    self._window.addstr(line, column, piece, self._styles[style])
                column += columns(piece)
        self._window.refresh()

    def wait(self) -> list[str]:
        """Wait for keys, an event or the next tick, and give the keys by name."""
        with contextlib.suppress(InterruptedError):
            select.select([0, self._wake.fileno()], [], [], TICK_S)
        self._wake.clear()
        pressed: list[str] = []
        while True:
            try:
                key = self._window.get_wch()
            except curses.error:
                return pressed
            if key == curses.KEY_RESIZE:
                continue
            name = _KEYS.get(key)
            if name is None and isinstance(key, str) and key.isprintable():
                name = key.lower()
            if name is not None:
                pressed.append(name)


def run_screen(body: Callable[[Screen], int], wake: Wake) -> int:
    """Run `body` on a full screen; the terminal is put back however it ends."""
    locale.setlocale(locale.LC_ALL, "")
    os.environ.setdefault("ESCDELAY", str(ESCAPE_MS))
    return curses.wrapper(lambda window: body(Screen(window, wake)))


def _styles() -> dict[Style, int]:
    plain: dict[Style, int] = {
        "plain": curses.A_NORMAL, "dim": curses.A_DIM, "bold": curses.A_BOLD, "bar": curses.A_REVERSE,
        "mode": curses.A_REVERSE | curses.A_BOLD, "armed": curses.A_REVERSE | curses.A_BOLD,
        "ok": curses.A_REVERSE, "bad": curses.A_REVERSE | curses.A_BOLD, "warn": curses.A_BOLD,
        "ask": curses.A_REVERSE,
    }  # fmt: skip
    if not curses.has_colors():
        return plain
    curses.use_default_colors()
    colours: dict[Style, tuple[int, int]] = {
        "ok": (curses.COLOR_BLACK, curses.COLOR_GREEN),
        "bad": (curses.COLOR_WHITE, curses.COLOR_RED),
        "warn": (curses.COLOR_BLACK, curses.COLOR_YELLOW),
        "bar": (curses.COLOR_WHITE, curses.COLOR_BLUE),
        "mode": (curses.COLOR_BLACK, curses.COLOR_CYAN),
        "armed": (curses.COLOR_BLACK, curses.COLOR_CYAN),
        "ask": (curses.COLOR_BLACK, curses.COLOR_WHITE),
    }
    coloured = dict(plain)
    for style, (ink, paper) in colours.items():
        curses.init_pair(_PAIRS[style], ink, paper)
        coloured[style] = curses.color_pair(_PAIRS[style]) | (
            curses.A_BOLD if style in {"bad", "armed"} else 0
        )
    return coloured
