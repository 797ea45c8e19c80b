"""The plain admin of programs: a new one is made here, a change of its terms is asked for.

Knows the form; who decides, and that a program changed since is left alone, is known to the approvals.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.cards.models import Program
from prepaid.cards.numbers import find_prefix_fault
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.stored_value.approvals.service import ask
from prepaid.stored_value.approvals.terms import KEPT, program_change_of
from prepaid.web.access import staff_of_request
from prepaid.web.terms import CHOICES, TERM_NAMES, is_amount


class ProgramForm(forms.ModelForm):  # type: ignore[type-arg]
    """A program's terms; the prefix must be one that numbers can be made under."""

    class Meta:
        model = Program
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Call each term as it is called where its change is decided."""
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            term = "rule_set_id" if name == "rule_set" else name
            field.label = str(TERM_NAMES.get(term, field.label or ""))
            if name in ("consumption_order", "moves_to"):
                field.choices = [(value, CHOICES[value]) for value, _label in field.choices]  # type: ignore[attr-defined]
            if is_amount(term):
                field.help_text = _("In the smallest unit of the currency; empty for no limit.")

    def clean_number_prefix(self) -> str:
        prefix: str = self.cleaned_data["number_prefix"]
        fault = find_prefix_fault(prefix)
        if fault is not None:
            raise ValidationError(fault)
        return prefix

    def clean_scope_store_ids(self) -> Any:
        """Read an empty field as every store; a list of none would be no store at all."""
        return self.cleaned_data["scope_store_ids"] or None


class ProgramChangeForm(ProgramForm):
    """What its terms shall be, and why. `approval_id` makes a repeat harmless."""

    approval_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("Nothing changes yet: another manager reads this and decides."),
    )


@admin.register(Program)
class ProgramAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The terms that cards are issued under; code and currency stay, for accounts hold value in it."""

    list_display = ("code", "name", "currency", "balance_max")

    def get_readonly_fields(self, request: HttpRequest, obj: Program | None = None) -> tuple[str, ...]:
        return () if obj is None else tuple(name for name in KEPT if name != "id")

    def get_form(self, request: Any, obj: Program | None = None, change: bool = False, **kwargs: Any) -> Any:
        asks = obj is not None and self.has_change_permission(request, obj)
        form = ProgramChangeForm if asks else ProgramForm
        return super().get_form(request, obj, change, **{"form": form} | kwargs)

    def change_view(
        self, request: Any, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Offer one button: what is asked goes to the second person, and there is nothing to go on with."""
        only = {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | only)

    def has_change_permission(self, request: HttpRequest, obj: Program | None = None) -> bool:
        """Let managers ask for a change; other superusers see the terms."""
        staff = staff_of_request(request)
        return super().has_change_permission(request, obj) and staff is not None and staff.is_manager

    def save_model(self, request: HttpRequest, obj: Program, form: Any, change: bool) -> None:
        """Make a new program; ask for a change of one that stands."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        staff, asked = staff_of_request(request), program_change_of(Program.objects.get(pk=obj.pk), obj)
        assert staff is not None, "only managers may change"
        if asked is None:
            messages.warning(request, _("Nothing differs from what the program says. Nothing was asked."))
            return
        approval_id, reason = form.cleaned_data["approval_id"], form.cleaned_data["reason"]
        try:
            ask(
                asked,
                approval_id=approval_id,
                transaction_id=approval_id,
                staff=staff,
                reason=reason,
                at=timezone.now(),
            )
        except TryAgain:
            messages.error(request, _("No answer yet. Send it again: it is never done twice."))
        except IdReused:
            messages.error(request, _("This is asked for already. Nothing was changed."))
        else:
            messages.success(
                request, _("Asked for. Nothing has changed yet: another manager decides within two days.")
            )

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Keep no second record: who asked, who decided and what came of it stands with the approval."""

    def response_change(self, request: HttpRequest, obj: Program) -> HttpResponse:
        """Go back to the list; what was asked is told already."""
        return redirect("admin:cards_program_changelist")
