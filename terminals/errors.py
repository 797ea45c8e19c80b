"""What can go wrong on a terminal, as classes: the code names the cause, `retry` says whether trying helps.

Knows codes; the sentences for them stand in faults.py.
"""

from __future__ import annotations

from uuid import UUID

from terminals.messages import Retry


class TerminalError(Exception):
    """The terminal cannot do what was asked: `code` names the cause, `detail` is for support.

    `detail_zh` says the same in Chinese, where it is a sentence that a person acts on.
    """

    retry: Retry = "never"

    def __init__(self, code: str, detail: str = "", *, detail_zh: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.detail_zh = detail_zh


class StateError(TerminalError):
    """The state folder cannot be used: not enrolled, driven by another agent, or unreadable."""


class AmountError(TerminalError):
    """What was typed is not an amount of this currency."""

    def __init__(self, detail: str) -> None:
        super().__init__("amount_invalid", detail)


class ConnectionFault(TerminalError):
    """A call to the site gave no usable answer."""

    retry: Retry = "same"


class NothingSent(ConnectionFault):
    """The site was not reached: not a byte of the call left, so nothing happened there."""


class AnswerUnknown(ConnectionFault):
    """The call may have arrived and its answer did not: only the same id can find out what happened."""


class Refused(TerminalError):
    """The site refused the call before looking at any card: nothing moved by it.

    `status` is HTTP's, `retry_after_s` what the site asked for where it did.
    """

    def __init__(
        self, code: str, detail: str = "", *, status: int, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code, detail)
        self.status = status
        self.retry_after_s = retry_after_s


class TryAgain(AnswerUnknown):
    """The site is busy and asks for the same call again after `retry_after_s`."""

    def __init__(self, code: str, detail: str = "", *, retry_after_s: float) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class TornTap(TerminalError):
    """An exchange began and nobody knows how it ended: the same card is tapped again, no other one begins.

    Nothing new was written or sent. `entry_id` is what has to be resolved or parked first.
    """

    retry: Retry = "same"

    def __init__(self, entry_id: UUID, detail: str = "") -> None:
        super().__init__("NFC-TORN-01", detail)
        self.entry_id = entry_id


class JournalError(TerminalError):
    """The journal cannot be read or written, so nothing may be sent."""


class OutcomeUnkept(JournalError):
    """What came of a transaction that was written already cannot be kept, so nobody here knows it later.

    It may have moved money, and may still be sent.
    """
