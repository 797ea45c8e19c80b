"""Balance inquiry, and the preview that the counter shows before a commit."""

from __future__ import annotations

from datetime import datetime

from prepaid.cards.presentation import Presentation
from prepaid.stored_value.answers import Balance, Refused
from prepaid.stored_value.calls import PRESENTED, fetch, presented_values
from prepaid.stored_value.requests import Origin

_SQL = (
    "select told.reason, told.card_id, told.account_id, told.last_four, told.state, told.program_code, "
    "told.currency, told.balance, told.available, told.held, told.expires_on "
    f"from stored_value_inquire({PRESENTED}, %s::uuid, %s::date, %s::uuid, %s::timestamptz) as told"
)


def inquire(origin: Origin, presentation: Presentation, *, at: datetime) -> Balance:
    """Tell the presented card's balance; a blocked or expired card is told with its state.

    Moves nothing. Raises Refused where the card does not prove itself (a wrong PIN is counted), and TryAgain.
    """
    asked = [origin.store_id, origin.business_date_at(at), origin.id, at]
    row = fetch(_SQL, [*presented_values(presentation), *asked])
    assert row is not None, "an inquiry always answers"
    if row[1] is None:
        raise Refused(row[0])
    return Balance(
        card_id=row[1],
        account_id=row[2],
        last_four=row[3],
        state=row[4],
        program_code=row[5],
        currency=row[6],
        balance_minor=row[7],
        available_minor=row[8],
        held_minor=row[9],
        expires_on=None if row[10] is None else row[10].isoformat(),
    )
