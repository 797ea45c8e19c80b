"""The faults of an import's file in words. The codes are those of reading.py."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FAULTS: dict[str, str | Promise] = {
    "number_invalid": _(
        "Not a card number of 16 to 20 digits: a digit is wrong, or a spreadsheet rounded it."
    ),
    "nothing_named": _("The line has neither a number nor an external id."),
    "twice": _("It stands on an earlier line already; which one, is shown beside."),
    "taken": _("A card of this number or external id is here already."),
    "amount_invalid": _("Not an amount: digits, and at most the decimals of the currency after a point."),
    "balance_max": _("Balance and bonus together are more than a card of this program may hold."),
    "date_invalid": _("Not a date: write 2027-06-30."),
    "date_past": _("The value has expired already: leave the line out."),
    "state_unknown": _("The state is active, blocked or issued."),
    "too_long": _("The text is too long."),
    "holder_missing": _("There is a phone but no holder."),
    "cells_count": _("The line has another number of fields than the heading."),
}
FILE_FAULTS: dict[str, str | Promise] = {
    "too_large": _("The file is larger than 20 MB."),
    "encoding_unknown": _("The file is neither UTF-8 nor GB 18030 text. Save it as CSV."),
    "broken_quotes": _("A quotation mark is not closed. It begins at or before line"),
    "column_unknown": _("The heading names a column that is not known:"),
    "column_twice": _("The heading names a column twice:"),
    "columns_missing": _("The heading needs balance, and number or external_id."),
    "too_many_lines": _("The file has more lines than one import may have:"),
    "no_lines": _("The file has no lines below its heading."),
}
