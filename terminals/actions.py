"""What each command does, once: take the lock, do it, tell the result as text or JSON.

Knows terminals, results and receipts; must not know argparse's set-up or the full screen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from terminals import messages, terminal
from terminals.amounts import Language, format_money, parse_amount
from terminals.doctor import find_cause
from terminals.errors import AmountError, ConnectionFault, Refused, TerminalError
from terminals.faults import cause_of
from terminals.identifiers import rrn_of
from terminals.journal import Entry, Journal
from terminals.lock import AgentLock
from terminals.network import is_own_host
from terminals.opening import opened, present
from terminals.payloads import see_that_tender_fits
from terminals.presenting import Presented
from terminals.receipt import receipt, word
from terminals.results import (
    Exit,
    Result,
    named_for,
    no_card,
    result_of,
    result_of_error,
    result_of_inquiry,
    with_cause,
)
from terminals.state import StateFolder
from terminals.terminal import Terminal

# After an online sale the cashier is not kept waiting for a whole day's.
UPLOADS_AFTER_A_SALE = 2


def enrol(options: argparse.Namespace) -> int:
    """Enrol this machine."""
    folder = StateFolder(options.state)
    parts = urlsplit(options.site)
    if parts.scheme == "http" and not is_own_host(parts.hostname or ""):
        print("http: card numbers and PINs travel in clear; use https outside a trial", file=sys.stderr)
    with AgentLock(folder, "interactive"):
        enrolment = terminal.enrol(
            folder, site=options.site, code=options.code, reader=options.reader, scanner=options.scanner or ""
        )
        with Terminal(folder) as till:
            _catch_up(till)
    if options.json:
        print(msgspec.json.encode(enrolment).decode())
    else:
        print(f"{enrolment.name} · {enrolment.store_name} ({enrolment.store_code}) · {enrolment.currency}")
    return Exit.APPROVED


def redeem(options: argparse.Namespace) -> int:
    """Spend from a card."""
    return _sell(
        options,
        "redeem",
        lambda till, shown, amount: till.transactions.redeem(
            shown.card,
            amount,
            allow_partial=options.partial,
            currency=options.currency,
            entry_id=options.id,
            uid=shown.uid,
        ),
    )


def load(options: argparse.Namespace) -> int:
    """Top a card up."""
    tender = messages.Tender(type=options.tender, reference=options.reference)
    return _sell(
        options,
        "load",
        lambda till, shown, amount: till.transactions.load(
            shown.card,
            amount,
            tender=_priced(tender, options, till),
            currency=options.currency,
            entry_id=options.id,
            uid=shown.uid,
        ),
        see_first=lambda: see_that_tender_fits(options.tender, options.reference),
    )


def hold(options: argparse.Namespace) -> int:
    """Reserve value of a card."""
    return _sell(
        options,
        "hold",
        lambda till, shown, amount: till.transactions.hold(
            shown.card,
            amount,
            good_for=timedelta(days=options.days),
            currency=options.currency,
            entry_id=options.id,
            uid=shown.uid,
        ),
    )


def capture(options: argparse.Namespace) -> int:
    """Spend from a hold: the last one unless another is named, all of it unless less is asked for."""
    with opened(options) as till:
        original = _original(options, till, "nothing_held") or till.last_hold().id
        held = till.journal.find(original)
        currency = till.enrolment.currency if held is None else held.currency
        amount = None if held is None else held.amount_minor
        if options.amount is not None:
            amount = parse_amount(options.amount, currency or till.enrolment.currency)
        if amount is None:
            raise AmountError("the hold is of another terminal: say the amount")
        entry = till.transactions.capture(original, amount, currency=currency, entry_id=options.id)
        return tell(options, result_of(entry), till)


def release(options: argparse.Namespace) -> int:
    """Give a hold back: the last one unless another is named."""
    with opened(options) as till:
        original = _original(options, till, "nothing_held") or till.last_hold().id
        return tell(options, result_of(till.transactions.release(original, entry_id=options.id)), till)


def _original(options: argparse.Namespace, till: Terminal, none_code: str) -> UUID | None:
    """Give the transaction that the options name, None where they name none. Raises TerminalError."""
    if not options.rrn:
        original: UUID | None = options.original
        return original
    known = till.journal.find_by_rrn(options.rrn)
    if known is None:
        raise TerminalError(none_code, options.rrn)
    return known


def _priced(tender: messages.Tender, options: argparse.Namespace, till: Terminal) -> messages.Tender:
    """Add what units cost, where it is told."""
    if options.price is None:
        return tender
    return msgspec.structs.replace(tender, price=parse_amount(options.price, till.enrolment.currency))


def balance(options: argparse.Namespace) -> int:
    """Show a card's balance."""
    with opened(options) as till:
        shown = present(options, till, word("inquiry", options.lang))
        if shown is None:
            return tell(options, no_card())
        try:
            return tell(options, result_of_inquiry(till.site.inquire(shown.card)), till)
        except Refused as error:
            return tell(options, named_for(result_of_error(error), shown.card, at=datetime.now(UTC)))


def void(options: argparse.Namespace) -> int:
    """Undo a known transaction."""
    with opened(options) as till:
        original = _original(options, till, "nothing_to_undo")
        entry = till.transactions.void(original) if original else till.void_last()
        return tell(options, result_of(entry), till)


def reverse(options: argparse.Namespace) -> int:
    """Undo a transaction whose answer never came."""
    with opened(options) as till:
        entry = till.transactions.reverse(options.original) if options.original else till.cancel_pending()
        return tell(options, result_of(entry), till)


def park(options: argparse.Namespace) -> int:
    """Put a transaction without a known outcome aside, so that other cards may be taken."""
    with opened(options) as till:
        entry = till.transactions.park(options.original) if options.original else till.park_torn()
        return tell(options, result_of(entry), till)


def queue(options: argparse.Namespace) -> int:
    """List, resolve or export the journal."""
    if options.resolve:
        return _resolve(options)
    folder = StateFolder(options.state)
    journal = Journal(folder.journal_file, folder.enrolment().terminal_id)
    try:
        if options.export:
            for line in journal.export():
                print(line)
        else:
            _tell_queue(options, journal, folder.enrolment().currency)
    finally:
        journal.close()
    return Exit.APPROVED


def close(options: argparse.Namespace) -> int:
    """Close the batch."""
    with opened(options) as till:
        try:
            closed = till.close_batch()
        except TerminalError as error:
            if error.code != "nothing_to_close":
                raise
            tell(options, result_of_error(error))
            return Exit.APPROVED
        if options.json:
            shown = msgspec.to_builtins(closed.told) | msgspec.to_builtins(closed.answer)
            print(json.dumps(shown, ensure_ascii=False))
        else:
            _print_batch(options, closed.told, closed.answer, till.enrolment.currency)
        return Exit.APPROVED if closed.answer.balanced else Exit.DECLINED


def tell(options: argparse.Namespace, result: Result, till: Terminal | None = None, **more: object) -> int:
    """Print a result as JSON, as a receipt, or as a sentence; its exit code returns."""
    if getattr(options, "json", False):
        print(result.as_json(**more), flush=True)
        _note_shown(result, till)
        return result.exit
    language: Language = getattr(options, "lang", "en")
    if till is not None and result.type is not None:
        print(receipt(result, till.enrolment, language))
    else:
        print(f"{result.code}: {getattr(result.message, language)}", file=sys.stderr)
    if result.action is not None:
        print(getattr(result.action, language), file=sys.stderr)
    if result.detail and result.outcome != "approved":
        print(f"({result.detail})", file=sys.stderr)
    _note_shown(result, till)
    return result.exit


def _note_shown(result: Result, till: Terminal | None) -> None:
    if till is not None and result.id is not None:
        till.note_shown(result.id)


def _sell(
    options: argparse.Namespace,
    kind: messages.TransactionType,
    begin: Callable[[Terminal, Presented, int], Entry],
    see_first: Callable[[], object] = lambda: None,
) -> int:
    with opened(options) as till:
        see_first()
        currency = options.currency or till.enrolment.currency
        amount_minor = parse_amount(options.amount, currency)
        known = till.transactions.find(options.id) if options.id else None
        if known is not None:
            if (known.type, known.amount_minor, known.currency) != (kind, amount_minor, currency):
                raise Refused("id_reused", f"{known.type} of {known.amount_minor}", status=422)
            return tell(options, result_of(known), till, resolved=[])
        before = {entry.id for entry in till.journal.list_unknown()}
        last = till.journal.list_last(1)
        prompt = format_money(amount_minor, currency, options.lang)
        # Value that comes in is nobody's loss: only what is spent or held has a floor.
        shown = present(options, till, prompt, spent_minor=None if kind == "load" else amount_minor)
        if shown is None:
            return tell(options, no_card(), resolved=[])
        try:
            entry = begin(till, shown, amount_minor)
        except KeyboardInterrupt:
            written = till.journal.list_last(1)
            if written == last:
                raise
            [entry] = written
        result = _named(till, entry, shown.card)
        found = [till.journal.find(entry_id) for entry_id in sorted(before)]
        resolved = [_brief(one) for one in found if one is not None and not one.is_pending]
        if resolved and not options.json:
            print(f"{len(resolved)} earlier resolved: see queue --export", file=sys.stderr)
        told = tell(options, result, till, resolved=resolved, resumed=entry.id in before)
        if entry.answer is not None:
            _catch_up(till, entry.answer.reason)
        return told


def _named(till: Terminal, entry: Entry, card: messages.Card) -> Result:
    """Tell what came of a sale, by what was presented and by the cause that the diagnosis found."""
    result = named_for(result_of(entry), card, at=entry.occurred_at)
    if result.outcome in {"unknown", "not_sent"}:
        result = with_cause(result, find_cause(till.folder, result.code or ""))
        till.record_fault(result.code or "", result.detail or "", entry=card.entry)
    elif (result.code or "").startswith("CODE-"):
        till.record_fault(result.code or "", entry=card.entry)
    return result


def _catch_up(till: Terminal, reason: str | None = None) -> None:
    """Use the moment that the site answers: tell what was sold offline, and keep ready for the next time."""
    try:
        if reason == "credential_refused":
            # A floor of the challenge may be new: the next tap has to meet it.
            till.learn_policy()
        heard = till.tell_health_if_due()
        till.transactions.upload(UPLOADS_AFTER_A_SALE)
        till.keep_ready(heard)
    except TerminalError as fault:
        # The sale was told already: a full disk must not tell another story.
        till.record_fault(fault.code, fault.detail)


def _resolve(options: argparse.Namespace) -> int:
    cause: TerminalError | None = None
    with opened(options) as till:
        before = till.journal.list_pending()
        try:
            till.transactions.resolve()
            till.keep_ready()
        except (ConnectionFault, Refused) as error:
            cause = error
        after = [till.journal.find(entry.id) or entry for entry in before]
        resolved = [_brief(entry) for entry in after if not entry.is_pending]
        _tell_queue(options, till.journal, till.enrolment.currency, resolved=resolved)
    if cause is not None and not options.json:
        print(f"{cause.code}: {getattr(cause_of(cause.code).text, options.lang)}", file=sys.stderr)
    return Exit.APPROVED if cause is None else Exit.UNKNOWN


def _tell_queue(
    options: argparse.Namespace,
    journal: Journal,
    currency: str,
    resolved: list[dict[str, object]] | None = None,
) -> None:
    state = journal.queue()
    entries = [_brief(entry) for entry in journal.list_pending()]
    if options.json:
        shown = msgspec.to_builtins(state) | {
            "currency": currency,
            "stand_in": msgspec.to_builtins(journal.exposure()),
            "entries": entries,
            "resolved": resolved or [],
        }
        print(json.dumps(shown, ensure_ascii=False))
        return
    exposure = journal.exposure()
    print(f"{state.count} · {format_money(state.amount, currency)}")
    if exposure.count:
        print(
            f"{word('stand_in', options.lang)}: {exposure.count} · {format_money(exposure.amount, currency)}"
        )
    for entry in [*entries, *(resolved or [])]:
        amount = entry["amount"]
        money = format_money(amount, currency) if isinstance(amount, int) else ""
        print(f"  {entry['sequence']:>6}  {entry['rrn']}  {entry['type']:<8} {money:>14}  {entry['state']}"
              f"  {entry['outcome'] or ''}  {entry['code'] or ''}".rstrip())  # fmt: skip


def _brief(entry: Entry) -> dict[str, object]:
    return {
        "id": str(entry.id),
        "rrn": rrn_of(entry.id),
        "sequence": entry.sequence,
        "type": entry.type,
        "amount": entry.amount_minor,
        "state": entry.state,
        "outcome": entry.answer.outcome if entry.answer else None,
        "code": entry.code,
        "occurred_at": entry.occurred_at.isoformat(),
    }


def _print_batch(
    options: argparse.Namespace, told: messages.BatchClose, answer: messages.BatchAnswer, currency: str
) -> None:
    print(f"{word('batch', options.lang)} {told.first_sequence}-{told.last_sequence}")
    for kind, total in told.totals.items():
        print(
            f"  {word(kind, options.lang):<10} {total.count:>5}  {format_money(total.amount, currency):>16}"
        )
    print(word("balanced" if answer.balanced else "differs", options.lang))
    if answer.missing_sequences:
        print(f"  {word('missing', options.lang)}: {', '.join(map(str, answer.missing_sequences))}")
    for name, both in answer.differences.items():
        print(f"  {name}: {json.dumps(both, ensure_ascii=False)}")
