"""The office's programs: the terms that cards are issued under, in plain words. They are changed elsewhere.

Knows the sentences; must not decide anything by a term.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from prepaid.cards.models import Offer, Program
from prepaid.cards.offers import list_running
from prepaid.money import Money, format_amount, is_unit
from prepaid.reports.periods import latest_business_date
from prepaid.stores.models import Staff, Store
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.named import name_of

CREDENTIALS = {
    "number": gettext_lazy("number and PIN"),
    "qr": gettext_lazy("printed QR code"),
    "sun": gettext_lazy("NFC chip, by its one-time message"),
    "challenge": gettext_lazy("NFC chip, by the answer to a challenge"),
    "pay_code": gettext_lazy("pay code of a linked phone"),
    "uid": gettext_lazy("bare serial number of a chip, which anybody can copy"),
}
ORDERS = {
    "bonus_first": gettext_lazy("Bonus is spent before what was paid."),
    "paid_first": gettext_lazy("What was paid is spent before bonus."),
    "proportional": gettext_lazy("Bonus and what was paid are spent in proportion."),
}
MOVES = {
    "any": gettext_lazy("Value may be moved to cards of any program."),
    "same_program": gettext_lazy("Value may be moved to cards of this program alone."),
    "nothing": gettext_lazy("Value may not be moved to other cards."),
}
DECISIONS = {
    "adjust_alone_max": gettext_lazy("Correction"),
    "refund_unlinked_alone_max": gettext_lazy("Refund without an original"),
    "unblock_alone_max": gettext_lazy("Unblock"),
    "limit_change_alone_max": gettext_lazy("Other limits"),
    "bulk_issue_alone_max": gettext_lazy("Order of many cards"),
    "bulk_import_alone_max": gettext_lazy("Import of cards"),
    "card_return_alone_max": gettext_lazy("Card return"),
}


@dataclass(frozen=True, slots=True)
class Term:
    """A side of a program, and what its terms say about it."""

    name: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class ProgramTold:
    """A program as the page shows it; `edit` is the address of its form, for who may change it."""

    program: Program
    terms: list[Term]
    edit: str


@never_cache
@require_GET
@in_the_office
def programs(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Tell each program's terms."""
    names = {store.id: name_of(store) for store in Store.objects.all()}
    offers = list(list_running(latest_business_date([staff.store], timezone.now())))
    may_edit = staff.user.is_staff and staff.user.has_perm("cards.change_program")
    told = [
        ProgramTold(
            program=program,
            terms=list_terms(
                program,
                [one for one in offers if one.program_id == program.id],
                names,
                money=staff.store.currency,
            ),
            edit=reverse("admin:cards_program_change", args=[program.id]) if may_edit else "",
        )
        for program in Program.objects.select_related("rule_set")
    ]
    context = {"told": told, "add": reverse("admin:cards_program_add") if may_edit else ""}
    return render(request, "office/programs.html", context)


def list_terms(
    program: Program, offers: Iterable[Offer], stores: dict[UUID, str], *, money: str
) -> list[Term]:
    """Tell all terms of a program, in the order in which a shop asks for them; units are sold for `money`."""
    return [
        Term(_("Top-ups"), _top_ups(program)),
        Term(_("Purchases"), _purchases(program)),
        Term(_("Balance"), _bounds(program, {"balance_max": _("Up to %(amount)s on a card.")})),
        Term(_("How long it is good"), _validity(program)),
        Term(_("Holds"), _holds(program)),
        Term(_("How a card is shown"), _proofs(program)),
        Term(_("Spending and moving"), _spending(program, money)),
        Term(_("Offers"), [_offer(one) for one in offers] or [_("No offer runs.")]),
        Term(_("Where, and under which law"), _scope(program, stores)),
        Term(_("A second person decides"), _decisions(program)),
    ]


def _bounds(program: Program, sentences: dict[str, str]) -> list[str]:
    """Say the bounds that are set, each in its sentence; that there is none where none is."""
    set_ones = {field: getattr(program, field) for field in sentences}
    said = [
        sentences[field] % {"amount": _amount(program, bound)}
        for field, bound in set_ones.items()
        if bound is not None
    ]
    return said or [_("No limit.")]


def _amount(program: Program, amount_minor: int) -> str:
    return format_amount(Money(amount_minor, program.currency))


def _top_ups(program: Program) -> list[str]:
    lines = _bounds(
        program,
        {
            "load_single_max": _("Up to %(amount)s at once."),
            "load_day_max": _("Up to %(amount)s a day."),
            "load_month_max": _("Up to %(amount)s a month."),
            "holder_load_day_max": _("Up to %(amount)s a day over all cards of one holder."),
            "holder_load_month_max": _("Up to %(amount)s a month over all cards of one holder."),
        },
    )
    if (count := program.loads_day_max) is not None:
        said = ngettext("Up to %(count)d top-up a day.", "Up to %(count)d top-ups a day.", count)
        lines.append(said % {"count": count})
    if (count := program.instrument_loads_day_max) is not None:
        said = ngettext(
            "Up to %(count)d top-up a day from one bank card or payment account.",
            "Up to %(count)d top-ups a day from one bank card or payment account.",
            count,
        )
        lines.append(said % {"count": count})
    return lines


def _purchases(program: Program) -> list[str]:
    return _bounds(
        program,
        {
            "redeem_single_max": _("Up to %(amount)s at once."),
            "redeem_day_max": _("Up to %(amount)s a day."),
            "redeem_month_max": _("Up to %(amount)s a month."),
            "holder_redeem_day_max": _("Up to %(amount)s a day over all cards of one holder."),
            "holder_redeem_month_max": _("Up to %(amount)s a month over all cards of one holder."),
        },
    )


def _validity(program: Program) -> list[str]:
    cards, value = program.card_valid_months, program.value_valid_months
    return [
        _("Cards never expire.")
        if cards is None
        else ngettext("Cards: %(count)d month.", "Cards: %(count)d months.", cards) % {"count": cards},
        _("Value never expires.")
        if value is None
        else ngettext("Each top-up: %(count)d month.", "Each top-up: %(count)d months.", value)
        % {"count": value},
        _("The exchange of an expired card makes expired value good again.")
        if program.reactivates_expired
        else _("What has expired stays expired."),
    ]


def _holds(program: Program) -> list[str]:
    days, percent = program.hold_days, program.capture_tolerance_percent
    lasts = ngettext(
        "A hold of the counter lasts %(count)d day.", "A hold of the counter lasts %(count)d days.", days
    )
    return [
        lasts % {"count": days},
        _("A capture may go %(percent)d %% above its hold.") % {"percent": percent}
        if percent
        else _("A capture never goes above its hold."),
    ]


def _proofs(program: Program) -> list[str]:
    allowed = program.allowed_credentials
    lines = [str(name) for method, name in CREDENTIALS.items() if method in allowed]
    sentences = {
        "pin_above": _("Above %(amount)s the PIN is asked for."),
        "challenge_above": _("Above %(amount)s a chip answers a challenge."),
    }
    if "pay_code" in allowed:
        sentences["pay_code_max"] = _("A pay code spends at most %(amount)s.")
    if "uid" in allowed:
        sentences["low_trust_single_max"] = _("A bare serial number spends at most %(amount)s at once.")
        sentences["low_trust_day_max"] = _("A bare serial number spends at most %(amount)s a day.")
        lines += [_("Above that the PIN is asked for.")] if program.low_trust_pin_lifts else []
    said = [field for field in sentences if getattr(program, field) is not None]
    return lines + (_bounds(program, {field: sentences[field] for field in said}) if said else [])


def _spending(program: Program, money: str) -> list[str]:
    lines = [str(ORDERS[program.consumption_order]), str(MOVES[program.moves_to])]
    if is_unit(program.currency) and program.unit_price is not None:
        lines.append(_("One costs %(price)s.") % {"price": format_amount(Money(program.unit_price, money))})
    return lines


def _offer(offer: Offer) -> str:
    currency = offer.program.currency
    said = _("%(name)s: top up %(pay)s, get %(bonus)s.") % {
        "name": name_of(offer),
        "pay": format_amount(Money(offer.pay_min, currency)),
        "bonus": format_amount(Money(offer.bonus, currency)),
    }
    return said + (" " + _("Only for the tier %(tier)s.") % {"tier": offer.tier} if offer.tier else "")


def _scope(program: Program, stores: dict[UUID, str]) -> list[str]:
    where = _("Every store takes these cards.")
    if program.scope_store_ids is not None:
        names = sorted(stores.get(store_id, "?") for store_id in program.scope_store_ids)
        where = _("Taken in: %(stores)s.") % {"stores": ", ".join(names) or _("no store")}
    law = _("No rule set: no law was chosen.")
    if program.rule_set is not None:
        law = _("Rule set: %(name)s.") % {"name": name_of(program.rule_set)}
    return [where, law]


def _decisions(program: Program) -> list[str]:
    lines = []
    for field, name in DECISIONS.items():
        bound = getattr(program, field)
        if bound is None:
            said = _("%(what)s: never, a manager does it alone.")
        elif bound == 0:
            said = _("%(what)s: each time.")
        else:
            said = _("%(what)s: above %(amount)s.")
        lines.append(said % {"what": name, "amount": "" if bound is None else _amount(program, bound)})
    return lines
