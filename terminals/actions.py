"""What each command does, once: take the lock, do it, tell the result as text or JSON.

Knows terminals, results and receipts; must not know argparse's set-up or the full screen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from terminals import messages, terminal
from terminals.amounts import Language, format_money, parse_amount
from terminals.doctor import find_cause
from terminals.errors import ConnectionFault, Refused, TerminalError
from terminals.faults import cause_of
from terminals.identifiers import rrn_of, uuid7
from terminals.journal import Entry, Journal
from terminals.lock import AgentLock
from terminals.network import is_own_host
from terminals.opening import opened, present
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
        lambda till, card, amount, entry_id: till.transactions.redeem(
            card, amount, allow_partial=options.partial, currency=options.currency, entry_id=entry_id
        ),
    )


def load(options: argparse.Namespace) -> int:
    """Top a card up."""
    tender = messages.Tender(type=options.tender, reference=options.reference)
    return _sell(
        options,
        "load",
        lambda till, card, amount, entry_id: till.transactions.load(
            card, amount, tender=_priced(tender, options, till), currency=options.currency, entry_id=entry_id
        ),
    )


def _priced(tender: messages.Tender, options: argparse.Namespace, till: Terminal) -> messages.Tender:
    """Add what units cost, where it is told."""
    if options.price is None:
        return tender
    return msgspec.structs.replace(tender, price=parse_amount(options.price, till.enrolment.currency))


def balance(options: argparse.Namespace) -> int:
    """Show a card's balance."""
    with opened(options) as till:
        card = present(options, till, word("inquiry", options.lang))
        if card is None:
            return tell(options, no_card())
        try:
            return tell(options, result_of_inquiry(till.site.inquire(card)), till)
        except Refused as error:
            return tell(options, named_for(result_of_error(error), card, at=datetime.now(UTC)))


def void(options: argparse.Namespace) -> int:
    """Undo a known transaction."""
    with opened(options) as till:
        original: UUID | None = options.original
        if options.rrn:
            original = till.journal.find_by_rrn(options.rrn)
            if original is None:
                raise TerminalError("nothing_to_undo", options.rrn)
        entry = till.transactions.void(original) if original else till.void_last()
        return tell(options, result_of(entry), till)


def reverse(options: argparse.Namespace) -> int:
    """Undo a transaction whose answer never came."""
    with opened(options) as till:
        entry = till.transactions.reverse(options.original) if options.original else till.cancel_pending()
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
        print(result.as_json(**more))
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
    return result.exit


def _sell(
    options: argparse.Namespace,
    kind: messages.TransactionType,
    begin: Callable[[Terminal, messages.Card, int, UUID], Entry],
) -> int:
    with opened(options) as till:
        currency = options.currency or till.enrolment.currency
        amount_minor = parse_amount(options.amount, currency)
        entry_id: UUID = options.id or uuid7()
        known = till.transactions.find(entry_id)
        if known is not None:
            if (known.type, known.amount_minor, known.currency) != (kind, amount_minor, currency):
                raise Refused("id_reused", f"{known.type} of {known.amount_minor}", status=422)
            return tell(options, result_of(known), till, resolved=[])
        resolved = [_brief(entry) for entry in till.transactions.resolve()]
        if resolved and not options.json:
            print(f"{len(resolved)} earlier resolved: see queue --export", file=sys.stderr)
        prompt = format_money(amount_minor, currency, options.lang)
        # Value that comes in is nobody's loss: only what is spent has a floor.
        card = present(options, till, prompt, spent_minor=amount_minor if kind == "redeem" else None)
        if card is None:
            return tell(options, no_card(), resolved=resolved)
        try:
            entry = begin(till, card, amount_minor, entry_id)
        except KeyboardInterrupt:
            written = till.journal.find(entry_id)
            if written is None:
                raise
            entry = written
        result = named_for(result_of(entry), card, at=entry.occurred_at)
        if result.outcome in {"unknown", "not_sent"}:
            result = with_cause(result, find_cause(till.folder, result.code or ""))
            till.record_fault(result.code or "", result.detail or "", entry=card.entry)
        elif (result.code or "").startswith("CODE-"):
            till.record_fault(result.code or "", entry=card.entry)
        return tell(options, result, till, resolved=resolved)


def _resolve(options: argparse.Namespace) -> int:
    cause: TerminalError | None = None
    with opened(options) as till:
        before = till.journal.list_pending()
        try:
            till.transactions.resolve()
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
            "entries": entries,
            "resolved": resolved or [],
        }
        print(json.dumps(shown, ensure_ascii=False))
        return
    print(f"{state.count} · {format_money(state.amount, currency)}")
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
