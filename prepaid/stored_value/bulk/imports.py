"""Imports of cards and balances: checked whole, then run, and undone where the cards were not used.

Knows the states of an import; must not know screens, nor who may run one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from prepaid.cards.models import BulkLine, BulkSecrets, CardImport, ImportFault, Program
from prepaid.cards.rules.in_force import refuse_terms
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.lines import (
    CHUNK_LINES,
    load_lines,
    make_lines,
    record,
    request_of,
    stage,
    take_back_lines,
)
from prepaid.stored_value.bulk.reading import Fault, Sheet, read_sheet
from prepaid.stored_value.issue import expiry_of_new_card
from prepaid.stored_value.requests import Origin, origin_of_till
from prepaid.stores.models import Till

State = CardImport.State
TENDER = "migration"
UNDO_LINES = 500
NAME_MAX = 120

_TAKEN = """
select line.line, 'number', 'taken', '•••• ' || line.last_four
from cards_bulkline as line
join cards_credential as credential on credential.method = 'number' and credential.lookup = line.number_lookup
where line.bulk_id = %(bulk)s
union all
select line.line, 'external_id', 'taken', line.external_id
from cards_bulkline as line
join cards_bulkline as other on other.external_id = line.external_id and other.bulk_id <> line.bulk_id
where line.bulk_id = %(bulk)s and line.external_id <> '' and other.card_id is not null
    and other.outcome <> 'taken_back'
order by 1, 2
"""
# Between the check and the run somebody may have issued a card of that number.
_MARK_TAKEN = """
update cards_bulkline as line set outcome = 'taken'
where line.bulk_id = %s and line.line between %s and %s and line.outcome = '' and line.card_id is null
    and exists (select from cards_credential as credential
                where credential.method = 'number' and credential.lookup = line.number_lookup)
"""
_NEXT_LINES = """
select min(line), max(line) from (
    select line from cards_bulkline where bulk_id = %s and outcome = '' order by line limit %s
) as next
"""


def check_import(
    *, import_id: UUID, content: bytes, file_name: str, program: Program, till: Till, by: str, at: datetime
) -> CardImport:
    """Read a file whole and keep its lines where all are good, else its faults; no card and no value is made.

    `import_id` is the caller's: a repeat gives the import. Raises FileUnreadable, and RuleRefused where the
    rules in force forbid the program's terms.
    """
    found = CardImport.objects.filter(pk=import_id).first()
    if found is not None:
        return found
    today = origin_of_till(till).business_date_at(at)
    refuse_terms(program, today)
    sheet = read_sheet(content, currency=program.currency, today=today, balance_max=program.balance_max)
    with transaction.atomic():
        faults = sheet.faults or _stage_lines(import_id, program, sheet)
        made = CardImport.objects.create(
            id=import_id,
            program=program,
            store_id=till.store_id,
            till_id=till.id,
            file_name=file_name[-NAME_MAX:],
            file_hash=hashlib.sha256(content).digest(),
            encoding=sheet.encoding,
            state=State.FAULTY if faults else State.CHECKED,
            quantity=sheet.count,
            paid_minor=sum(line.paid_minor for line in sheet.lines),
            bonus_minor=sum(line.bonus_minor for line in sheet.lines),
            fault_count=len(faults),
            uploaded_by=by,
            uploaded_at=at,
        )
        ImportFault.objects.bulk_create(
            (
                ImportFault(
                    cards_import=made,
                    line=fault.line,
                    column=fault.column,
                    code=fault.code,
                    value=fault.value,
                )
                for fault in faults
            ),
            batch_size=CHUNK_LINES,
        )
        record(import_id, "check", by=by, at=at, note=f"{len(faults)} / {sheet.count}")
    return made


def _stage_lines(import_id: UUID, program: Program, sheet: Sheet) -> list[Fault]:
    """Keep the lines of a good file; where the database knows a card of them already, give these faults."""
    stage(import_id, program, sheet.lines)
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, {"bulk": import_id})
        faults = [Fault(*row) for row in cursor.fetchall()]
    if faults:
        drop_lines(import_id)
    return faults


def drop_lines(import_id: UUID) -> None:
    """Forget lines that were never run, with their secrets."""
    BulkLine.objects.filter(bulk_id=import_id, card_id=None).delete()
    BulkSecrets.objects.filter(bulk_id=import_id).delete()


def start_import(import_id: UUID, *, by: str, at: datetime) -> CardImport:
    """Let a checked import be run, as its approval is carried out; without one the table refuses (ADR 0071).

    Raises RuleRefused, as the rules stand now, and BulkRefused.
    """
    refuse_unchecked(CardImport.objects.select_related("program").get(pk=import_id), at=at)
    return _lead(import_id, State.CHECKED, State.RUNNING, "run", by=by, at=at, started_at=at)


def refuse_unchecked(made: CardImport, *, at: datetime) -> None:
    """Raise BulkRefused where an import is not to be run, RuleRefused where a rule stands against it."""
    if made.state != State.CHECKED:
        raise BulkRefused(f"The import is {made.state}, not checked.", state=made.state)
    refuse_terms(made.program, origin_of_import(made).business_date_at(at))


def undo_import(import_id: UUID, *, by: str, at: datetime) -> CardImport:
    """Let an import that is done be undone, as far as its cards were not used. Raises BulkRefused."""
    return _lead(import_id, State.DONE, State.UNDOING, "undo", by=by, at=at, undo_at=at)


def origin_of_import(made: CardImport) -> Origin:
    """Give the till that uploaded, as the origin of an import's postings."""
    return origin_of_till(Till.objects.select_related("store").get(pk=made.till_id))


def run_chunk(import_id: UUID, *, at: datetime) -> bool:
    """Make and fill the next cards of a running import in one commit; say whether more are to come.

    A line whose number was taken since the file was checked is left out, and says so. Safe to repeat and
    beside itself. Locks the import's row, then cards and accounts.
    """
    with transaction.atomic():
        made = CardImport.objects.select_for_update().get(pk=import_id)
        if made.state != State.RUNNING:
            return False
        span = _next_lines(import_id)
        if span is None:
            CardImport.objects.filter(pk=import_id).update(state=State.DONE)
            record(import_id, "done", by="jobs", at=at)
            return False
        program, origin = made.program, origin_of_import(made)
        with connection.cursor() as cursor:
            cursor.execute(_MARK_TAKEN, [import_id, *span])
            taken = cursor.rowcount
        make_lines(
            import_id,
            program,
            span,
            holder_id=None,
            store_id=made.store_id,
            expires_on=expiry_of_new_card(program, origin, at),
            by=made.uploaded_by,
            at=at,
        )
        request = request_of(import_id, origin=origin, by=made.uploaded_by, at=at, note=made.file_name)
        done, _ = load_lines(
            request, import_id, program, span, kind="import", tender=TENDER, reference=made.file_name
        )
        CardImport.objects.filter(pk=import_id).update(done_count=made.done_count + done + taken)
        return True


def undo_chunk(import_id: UUID, *, at: datetime) -> bool:
    """Take back the next cards of an import that is being undone in one commit; say whether more are to come.

    A card that was used stays, and its line says so. Locks the import's row, then cards and accounts.
    """
    with transaction.atomic():
        made = CardImport.objects.select_for_update().get(pk=import_id)
        if made.state != State.UNDOING:
            return False
        waiting = BulkLine.objects.filter(bulk_id=import_id).exclude(
            outcome__in=("taken_back", "used", "taken")
        )
        lines = list(waiting.order_by("line").values_list("line", flat=True)[:UNDO_LINES])
        if not lines:
            CardImport.objects.filter(pk=import_id).update(state=State.UNDONE)
            record(import_id, "undone", by="jobs", at=at)
            return False
        request = request_of(
            made.undo_id, origin=origin_of_import(made), by=made.uploaded_by, at=at, note=made.file_name
        )
        back = take_back_lines(
            request, import_id, lines, base=import_id, kind="import", frees=True, reason=made.file_name
        )
        CardImport.objects.filter(pk=import_id).update(undone_count=made.undone_count + back)
        return True


def _next_lines(import_id: UUID) -> tuple[int, int] | None:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_LINES, [import_id, CHUNK_LINES])
        first, last = cursor.fetchone()
    return None if first is None else (first, last)


def _lead(
    import_id: UUID, before: State, after: State, change: str, *, by: str, at: datetime, **changed: object
) -> CardImport:
    """Lead an import from one state to the next, once."""
    with transaction.atomic():
        led = CardImport.objects.filter(pk=import_id, state=before).update(state=after, **changed)
        made = CardImport.objects.select_related("program").get(pk=import_id)
        if not led:
            raise BulkRefused(f"The import is {made.state}, not {before.value}.", state=made.state)
        record(import_id, change, by=by, at=at)
    return made
