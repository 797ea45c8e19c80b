"""Money and moments in templates: `{% load shop %}`.

`{% money 140393 "CNY" %}` ¥1,403.93; `{% signed_money -6002 "CNY" "out" %}` −¥60.02 in the tone's colour
(in, out, back); `{% big_money ... %}` with small mark and decimals; `{{ at|moment }}` 23 Nov 16:50.
"""

from __future__ import annotations

import re
from datetime import datetime

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from prepaid.money import Money, format_amount, format_percent, is_unit, unit_word
from prepaid.web.named import Named, Ruled, Stated, article_of, name_of, text_of

register = template.Library()
DAYS_SHOWN_AS_AGO = 30
_PARTS = re.compile(r"^(−?)(\D*?)([\d,]+)(\.\d+| \D+)?$")


@register.simple_tag
def money(amount_minor: int, currency: str) -> SafeString:
    """Show an amount."""
    return format_html('<span class="money">{}</span>', format_amount(Money(amount_minor, currency)))


@register.simple_tag
def plain_money(amount_minor: int, currency: str) -> str:
    """Write an amount without markup, as for a title or an input."""
    return format_amount(Money(amount_minor, currency))


@register.simple_tag
def signed_money(amount_minor: int, currency: str, tone: str = "out") -> SafeString:
    """Show what a transaction did to a balance, with its sign and in the colour of its tone."""
    text = format_amount(Money(amount_minor, currency))
    return format_html(
        '<span class="money money-{}">{}{}</span>', tone, "+" if amount_minor > 0 else "", text
    )


@register.simple_tag
def big_money(amount_minor: int, currency: str) -> SafeString:
    """Show an amount large: currency mark, decimals and unit smaller than the rest."""
    parts = _PARTS.match(format_amount(Money(amount_minor, currency)))
    assert parts is not None, "format_amount has one form"
    sign, mark, whole, rest = parts.groups()
    return format_html(
        '<span class="money money-big">{}<span class="money-mark">{}</span>{}'
        '<span class="money-rest">{}</span></span>',
        sign,
        mark,
        whole,
        rest or "",
    )


@register.filter
def currency_name(code: str) -> str:
    """Name what amounts are in: a unit by its word, a currency by its code."""
    return unit_word(code, 2) if is_unit(code) else code


@register.filter
def moment(at: datetime | None) -> str:
    """Write a moment as a history lists it: the year only where it is not this one."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    this_year = local.year == timezone.localtime().year
    return formats.date_format(local, "MOMENT_FORMAT" if this_year else "OLD_MOMENT_FORMAT")


@register.filter
def since(at: datetime | None) -> str:
    """Say how long ago it was, roughly; after a month, on which day."""
    if at is None:
        return _("never")
    minutes = int((timezone.now() - at).total_seconds()) // 60
    hours, days = minutes // 60, minutes // (24 * 60)
    if minutes < 1:
        return _("just now")
    if hours < 1:
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes) % {"count": minutes}
    if days < 1:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}
    if days < DAYS_SHOWN_AS_AGO:
        return ngettext("%(count)d day ago", "%(count)d days ago", days) % {"count": days}
    return formats.date_format(timezone.localtime(at), "DATE_FORMAT")


@register.filter
def named(thing: Named) -> str:
    """Give a shop's, program's or store's name in the language of the page."""
    return name_of(thing)


@register.filter
def ruled(rule: Ruled) -> str:
    """Give what a rule says in the language of the page."""
    return text_of(rule)


@register.filter
def percent(rate_ppm: int) -> str:
    """Write a rate that is kept in millionths: 30,000 is 3.00 %."""
    return format_percent(rate_ppm)


@register.filter
def article(stated: Stated) -> str:
    """Name the article of a rule or rate in the language of the page."""
    return article_of(stated)
