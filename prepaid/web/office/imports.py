"""Imports of cards and balances in the office: a file is checked, its faults are told, it is run and undone.

Knows forms and words; what a file says, and what becomes of it, stored value decides.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from prepaid.cards.models import BulkLine, CardImport, Program
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.bulk import ask_for_import, bulk_import_of, list_waiting
from prepaid.stored_value.bulk.batch_file import is_waiting
from prepaid.stored_value.bulk.errors import BulkRefused, FileUnreadable
from prepaid.stored_value.bulk.fault_words import FAULTS, FILE_FAULTS
from prepaid.stored_value.bulk.imports import check_import, undo_import
from prepaid.stores.models import Staff
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.counter.issuing import list_offered
from prepaid.web.named import name_of
from prepaid.web.office.bulk_approval import WAITS, ask_for_approval, say_rule, show_asking
from prepaid.web.office.bulk_lines import (
    OUTCOMES,
    batch_file,
    csv_file,
    list_events,
    list_lines,
    page_of_lines,
    till_of,
)

IMPORTS_PER_PAGE = 25
FAULTS_PER_PAGE = 100
STATES = {
    "faulty": (gettext_lazy("Has faults"), "bad"),
    "checked": (gettext_lazy("Checked, not run"), "warn"),
    "running": (gettext_lazy("Running"), "blue"),
    "done": (gettext_lazy("Brought in"), "good"),
    "undoing": (gettext_lazy("Being undone"), "blue"),
    "undone": (gettext_lazy("Undone"), ""),
}


class ImportForm(forms.Form):
    """A file and the program that its cards come under. `import_id` makes a repeat harmless."""

    import_id = forms.UUIDField(widget=forms.HiddenInput)
    program = forms.ModelChoiceField(
        Program.objects.none(), label=gettext_lazy("Program"), empty_label=None, to_field_name="code"
    )
    file = forms.FileField(
        label=gettext_lazy("CSV file"), widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"})
    )

    def __init__(self, *args: Any, staff: Staff, **kwargs: Any) -> None:
        """Offer the programs whose cards the store takes."""
        super().__init__(*args, **kwargs)
        programs: Any = self.fields["program"]
        programs.queryset = list_offered(staff.store)
        programs.label_from_instance = name_of


@never_cache
@require_http_methods(["GET", "POST"])
@in_the_office
def imports(request: StaffRequest, staff: Staff) -> HttpResponse:
    """List the store's imports, and take a file to check."""
    form = ImportForm(
        request.POST or None, request.FILES or None, staff=staff, initial={"import_id": uuid7()}
    )
    if request.method == "POST" and form.is_valid():
        made = _check(staff, form)
        if made is not None:
            return redirect("import", made.id)
    found = CardImport.objects.filter(store_id=staff.store_id).select_related("program")
    page = Paginator(found, IMPORTS_PER_PAGE).get_page(request.GET.get("page"))
    waiting = list_waiting((made.id for made in page.object_list), timezone.now())
    rows = [(made, *(WAITS if made.id in waiting else STATES[made.state])) for made in page.object_list]
    context = {"form": form, "rows": rows, "page": page}
    return render(request, "bulk/imports.html", context, status=422 if request.method == "POST" else 200)


def _check(staff: Staff, form: ImportForm) -> CardImport | None:
    till, file = till_of(staff), form.cleaned_data["file"]
    if till is None:
        form.add_error(None, _("This store has no till: add one first."))
        return None
    try:
        return check_import(
            import_id=form.cleaned_data["import_id"],
            content=file.read(),
            file_name=file.name or "",
            program=form.cleaned_data["program"],
            till=till,
            by=staff.code,
            at=timezone.now(),
        )
    except FileUnreadable as error:
        form.add_error("file", f"{FILE_FAULTS[error.fault]} {error.value}".strip())
    except RuleRefused as refused:
        form.add_error(None, say_rule(refused))
    return None


@never_cache
@require_GET
@in_the_office
def card_import(request: StaffRequest, staff: Staff, import_id: UUID) -> HttpResponse:
    """Show an import with its faults or its lines; a fragment tells how far it is."""
    made = _find(staff, import_id)
    context = _progress(made)
    if request.htmx:
        answer = render(request, "bulk/progress.html", context)
        if not context["under_way"]:
            answer["HX-Refresh"] = "true"
        return answer
    wanted = request.GET.get("show", "")
    lines, page = page_of_lines(import_id, wanted, request.GET.get("page"))
    faults = Paginator(made.faults.all(), FAULTS_PER_PAGE).get_page(request.GET.get("page"))
    context |= {
        "made": made,
        "state": STATES[made.state],
        "lines": lines,
        "faults": [(fault, FAULTS.get(fault.code, fault.code)) for fault in faults.object_list],
        "page": faults if made.fault_count else page,
        "wanted": wanted,
        "keep": f"show={wanted}&" if wanted else "",
        "events": list_events(import_id),
        "has_file": is_waiting(import_id) and made.state == "done",
        "kept": list_lines(import_id, "apart").count(),
    }
    if made.state == "checked":
        asking = show_asking(bulk_import_of(made), staff)
        context |= asking | ({"state": WAITS} if asking["waits"] else {})
    return render(request, "bulk/import.html", context)


@require_POST
@in_the_office
def lead_import(request: StaffRequest, staff: Staff, import_id: UUID, change: str) -> HttpResponse:
    """Ask for an import to be run, or undo it."""
    _find(staff, import_id)
    try:
        if change == "run":
            says = _("Approved. The cards are being brought in.")
            ask_for_approval(request, staff, import_id, ask_for_import, done_says=says)
        elif change == "undo":
            undo_import(import_id, by=staff.code, at=timezone.now())
        else:
            raise Http404
    except RuleRefused as refused:
        messages.error(request, say_rule(refused))
    except BulkRefused:
        messages.error(request, _("Nothing was changed: somebody else was there first."))
    return redirect("import", import_id)


@require_GET
@in_the_office
def import_faults(request: StaffRequest, staff: Staff, import_id: UUID) -> HttpResponse:
    """Give all faults of a file as a table."""
    made = _find(staff, import_id)
    rows = (
        (fault.line, fault.column, FAULTS.get(fault.code, fault.code), fault.value)
        for fault in made.faults.all()
    )
    head = (_("Line"), _("Column"), pgettext("import", "Fault"), _("What stands there"))
    return csv_file(head, rows, name=f"faults-{made.id}.csv")


@require_GET
@in_the_office
def import_lines(request: StaffRequest, staff: Staff, import_id: UUID) -> HttpResponse:
    """Give what became of every line as a table."""
    made = _find(staff, import_id)
    rows = (
        (line.line, line.external_id, line.last_four, OUTCOMES.get(line.outcome, (line.outcome,))[0])
        for line in BulkLine.objects.filter(bulk_id=made.id).order_by("line").iterator()
    )
    head = (_("Line"), _("External id"), _("Last four digits"), _("Outcome"))
    return csv_file(head, rows, name=f"import-{made.id}.csv")


@require_POST
@in_the_office
def import_file(request: StaffRequest, staff: Staff, import_id: UUID) -> HttpResponse:
    """Give the new numbers and PINs of an import, once."""
    made = _find(staff, import_id)
    return batch_file(request, staff, made.id, name=f"import-{made.id}.zip", back="import")


def _find(staff: Staff, import_id: UUID) -> CardImport:
    made = CardImport.objects.filter(pk=import_id, store_id=staff.store_id).select_related("program").first()
    if made is None:
        raise Http404
    return made


def _progress(made: CardImport) -> dict[str, Any]:
    undoing = made.state == "undoing"
    return {
        "under_way": made.state in ("running", "undoing"),
        "done": made.undone_count if undoing else made.done_count,
        "quantity": made.quantity,
        "what": _("Cards taken back") if undoing else _("Cards brought in"),
    }
