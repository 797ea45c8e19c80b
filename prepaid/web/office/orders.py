"""Orders of many cards in the office: asked for, approved, paid, fetched for the printer, taken back in part.

Knows forms and words; states and value are stored value's.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from prepaid.cards.bulk.models import LINES_MAX
from prepaid.cards.identity import IdentityTaken, record_holder
from prepaid.cards.models import BulkLine, CardOrder, Program
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.money import Money, parse_amount
from prepaid.stored_value.approvals.bulk import ask_for_order, bulk_issue_of, give_up_order, list_waiting
from prepaid.stored_value.bulk.batch_file import is_waiting
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.orders import order_cards, recall, record_funds
from prepaid.stores.models import Staff
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.counter.identity import taken
from prepaid.web.counter.issuing import HOLDER, HolderForm, list_offered
from prepaid.web.named import name_of, told_of
from prepaid.web.office.bulk_approval import WAITS, ask_for_approval, say_rule, show_asking
from prepaid.web.office.bulk_lines import batch_file, list_events, page_of_lines, parse_lines, till_of

ORDERS_PER_PAGE = 25
STATES = {
    "draft": (pgettext_lazy("order", "Draft"), ""),
    "approved": (gettext_lazy("Being made"), "blue"),
    "made": (gettext_lazy("Waits for the money"), "warn"),
    "funded": (gettext_lazy("Being loaded"), "blue"),
    "activated": (gettext_lazy("Active"), "good"),
    "cancelled": (gettext_lazy("Cancelled"), ""),
}
TENDERS = (("bank_transfer", gettext_lazy("Bank transfer")), ("cash", gettext_lazy("Cash")))
AMOUNT_EACH_MAX = 10**10


class OrderForm(forms.Form):
    """What an order says. `order_id` makes a repeat harmless."""

    order_id = forms.UUIDField(widget=forms.HiddenInput)
    program = forms.ModelChoiceField(
        Program.objects.none(), label=gettext_lazy("Program"), empty_label=None, to_field_name="code"
    )
    quantity = forms.IntegerField(label=gettext_lazy("Cards"), min_value=1, max_value=LINES_MAX)
    amount = forms.CharField(label=gettext_lazy("Value on each card"), max_length=14)
    buyer_name = forms.CharField(label=pgettext_lazy("order", "Buyer"), max_length=120)
    tender = forms.ChoiceField(label=gettext_lazy("Paid by"), choices=TENDERS)
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Contract or invoice."),
    )
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, staff: Staff, **kwargs: Any) -> None:
        """Offer the programs whose cards the store takes."""
        super().__init__(*args, **kwargs)
        programs: Any = self.fields["program"]
        programs.queryset = list_offered(staff.store)
        programs.label_from_instance = name_of
        for name in ("amount", "buyer_name", "reference", "note"):
            self.fields[name].widget.attrs["autocomplete"] = "off"
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "placeholder": "0.00"}

    def clean(self) -> dict[str, Any]:
        """Read the value in the program's currency, exactly."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        program, typed = cleaned.get("program"), cleaned.get("amount")
        if program is not None and typed:
            try:
                money = parse_amount(typed.replace(",", ""), program.currency)
            except ValueError:
                self.add_error("amount", _("Type an amount such as 100 or 36.50."))
            else:
                cleaned["money"] = money
                if not 0 < money.amount_minor <= AMOUNT_EACH_MAX:
                    self.add_error("amount", _("Type an amount such as 100 or 36.50."))
        return cleaned


@never_cache
@require_GET
@in_the_office
def orders(request: StaffRequest, staff: Staff) -> HttpResponse:
    """List the store's orders, newest first."""
    found = CardOrder.objects.filter(store_id=staff.store_id).select_related("program")
    page = Paginator(found, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    waiting = list_waiting((order.id for order in page.object_list), timezone.now())
    rows = [(order, *(WAITS if order.id in waiting else STATES[order.state])) for order in page.object_list]
    return render(request, "bulk/orders.html", {"rows": rows, "page": page})


@never_cache
@require_http_methods(["GET", "POST"])
@in_the_office
def new_order(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Ask for an order and draft it."""
    form = OrderForm(request.POST or None, staff=staff, initial={"order_id": uuid7()})
    holder = HolderForm(request.POST or None, prefix=HOLDER, initial={"kind": "organisation"})
    rule = None
    if request.method == "POST" and form.is_valid() and (not holder.is_typed or holder.is_valid()):
        try:
            order = _draft(staff, form, holder)
        except IdentityTaken:
            form.add_error(None, taken())
        except RuleRefused as refused:
            rule = refused.rule
            said = told_of(rule)
            form.add_error(None, _("Nothing was ordered: a rule stands against it.") + " " + said)
        else:
            if order is not None:
                messages.success(
                    request, _("Drafted. Nothing is made yet: look at it, then ask for its approval.")
                )
                return redirect("order", order.id)
            form.add_error(None, _("This store has no till: add one first."))
    programs: Any = form.fields["program"]
    context = {
        "form": form,
        "holder": holder,
        "rule": rule,
        "asks_identity": programs.queryset.exclude(rule_set=None).exists(),
    }
    return render(request, "bulk/new_order.html", context, status=422 if request.method == "POST" else 200)


def _draft(staff: Staff, form: OrderForm, holder: HolderForm) -> CardOrder | None:
    asked, till, now = form.cleaned_data, till_of(staff), timezone.now()
    if till is None:
        return None
    money: Money = asked["money"]
    identity = holder.identity(name=asked["buyer_name"]) if holder.is_typed else None
    return order_cards(
        order_id=asked["order_id"],
        program=asked["program"],
        till=till,
        quantity=asked["quantity"],
        amount_each=money.amount_minor,
        tender=asked["tender"],
        reference=asked["reference"],
        note=asked["note"],
        buyer_name=asked["buyer_name"],
        buyer=record_holder(identity, by=staff.code, at=now) if identity else None,
        buyer_phone=identity.phone if identity else "",
        agent_name=identity.agent_name if identity else "",
        by=staff.code,
        at=now,
    )


@never_cache
@require_GET
@in_the_office
def order(request: StaffRequest, staff: Staff, order_id: UUID) -> HttpResponse:
    """Show an order with what it waits for, its lines and what was done; a fragment tells how far it is."""
    found = _find(staff, order_id)
    context = _progress(found)
    if request.htmx:
        answer = render(request, "bulk/progress.html", context)
        if not context["under_way"]:
            answer["HX-Refresh"] = "true"
        return answer
    wanted = request.GET.get("show", "")
    lines, page = page_of_lines(order_id, wanted, request.GET.get("page"))
    outcomes = BulkLine.objects.filter(bulk_id=order_id).values_list("outcome").annotate(count=Count("*"))
    counts = dict(outcomes)
    context |= {
        "order": found,
        "state": STATES[found.state],
        "tender": dict(TENDERS).get(found.tender, found.tender),
        "lines": lines,
        "page": page,
        "wanted": wanted,
        "keep": f"show={wanted}&" if wanted else "",
        "events": list_events(order_id),
        "has_file": is_waiting(order_id) and found.state in ("made", "funded", "activated"),
        "apart": sum(count for outcome, count in counts.items() if outcome not in ("", "loaded")),
        "may_recall": found.state in ("made", "activated"),
    }
    if found.state == "draft":
        asking = show_asking(bulk_issue_of(found), staff)
        context |= asking | ({"state": WAITS} if asking["waits"] else {})
    return render(request, "bulk/order.html", context)


@require_POST
@in_the_office
def lead_order(request: StaffRequest, staff: Staff, order_id: UUID, change: str) -> HttpResponse:
    """Ask for a draft's approval or cancel it, or record that the money came in."""
    _find(staff, order_id)
    now = timezone.now()
    try:
        if change == "approve":
            says = _("Approved. The cards are being made; they hold no value yet.")
            ask_for_approval(request, staff, order_id, ask_for_order, done_says=says)
        elif change == "cancel":
            give_up_order(order_id, staff=staff, reason=_("The order was cancelled."), at=now)
            messages.success(request, _("The order is cancelled. Nothing was made."))
        elif change == "funds":
            record_funds(order_id, reference=request.POST.get("reference", "")[:64], by=staff.code, at=now)
            messages.success(request, _("Recorded. The cards are being loaded and activated."))
        else:
            raise Http404
    except RuleRefused as refused:
        messages.error(request, say_rule(refused))
    except BulkRefused:
        messages.error(request, _("Nothing was changed: somebody else was there first."))
    return redirect("order", order_id)


@require_POST
@in_the_office
def recall_order(request: StaffRequest, staff: Staff, order_id: UUID) -> HttpResponse:
    """Take back those of the named lines that were not used."""
    found = _find(staff, order_id)
    reason = request.POST.get("reason", "").strip()[:200]
    try:
        lines = parse_lines(request.POST.get("lines", ""), last=found.quantity)
        if not reason:
            raise ValueError(_("Nothing was taken back: write the reason."))
        back = recall(order_id, lines, reason=reason, by=staff.code, at=timezone.now())
    except ValueError as error:
        messages.error(request, str(error))
    except BulkRefused:
        messages.error(request, _("Nothing was taken back: the cards are being made or loaded."))
    else:
        told = _("%(back)d of %(asked)d cards were taken back and closed; the value went to the tender.")
        messages.success(request, told % {"back": back, "asked": len(lines)})
    return redirect("order", order_id)


@require_POST
@in_the_office
def order_file(request: StaffRequest, staff: Staff, order_id: UUID) -> HttpResponse:
    """Give the batch file, once."""
    found = _find(staff, order_id)
    return batch_file(request, staff, found.id, name=f"order-{found.id}.zip", back="order")


def _find(staff: Staff, order_id: UUID) -> CardOrder:
    found = CardOrder.objects.filter(pk=order_id, store_id=staff.store_id).select_related("program").first()
    if found is None:
        raise Http404
    return found


def _progress(found: CardOrder) -> dict[str, Any]:
    making = found.state == "approved"
    return {
        "under_way": found.state in ("approved", "funded"),
        "done": found.made_count if making else found.loaded_count,
        "quantity": found.quantity,
        "what": _("Cards made") if making else _("Cards loaded"),
    }
