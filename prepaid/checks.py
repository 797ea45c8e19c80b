"""Checks of the settings that Django's own do not make. `manage.py check` and every start run them."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.module_loading import import_string

from prepaid.cards.template import make_template

VISIBILITY_MARGIN_S = 30


@register()
def warn_of_one_role(**_: Any) -> list[CheckMessage]:
    """An append-only ledger holds against the application only when that is not the tables' owner."""
    if settings.DATABASE_APP_ROLE or settings.TRIAL:
        return []
    return [
        Warning(
            "The site and its migrations use one database role, which can change the ledger's tables.",
            hint="Set DATABASE_OWNER_URL to a role of its own; docs/operations.md shows how.",
            id="prepaid.W001",
        )
    ]


@register()
def refuse_short_visibility(**_: Any) -> list[CheckMessage]:
    """A message that comes back while its task still runs would be run twice at once."""
    timeout = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout")
    if timeout is None or timeout >= settings.CELERY_TASK_TIME_LIMIT + VISIBILITY_MARGIN_S:
        return []
    return [
        Error(
            "The broker's visibility timeout must be longer than the time limit of a task.", id="prepaid.E001"
        )
    ]


@register()
def refuse_two_timeouts_the_wrong_way_round(**_: Any) -> list[CheckMessage]:
    """A statement must be able to wait for a lock and then say so, before it is cancelled itself."""
    limit = settings.DATABASE_STATEMENT_TIMEOUT_MS
    if limit == 0 or limit > settings.DATABASE_LOCK_TIMEOUT_MS:
        return []
    return [
        Error(
            "DATABASE_LOCK_TIMEOUT_MS must be shorter than DATABASE_STATEMENT_TIMEOUT_MS.", id="prepaid.E002"
        )
    ]


@register()
def refuse_an_address_that_no_card_holds(**_: Any) -> list[CheckMessage]:
    """A blank is written with CARD_URI, which is found out too late with the customer waiting."""
    try:
        make_template(settings.CARD_URI)
    except ValueError as error:
        hint = "Use a short address in ASCII, such as https://cards.example.com/t."
        return [Error(f"CARD_URI cannot be written to a card: {error}", hint=hint, id="prepaid.E003")]
    return []


@register()
def refuse_a_keyring_that_is_none(**_: Any) -> list[CheckMessage]:
    """Without its keyring no card can be read."""
    try:
        import_string(settings.CARD_KEYRING)
    except ImportError as error:
        return [Error(f"CARD_KEYRING names no class: {error}", id="prepaid.E004")]
    return []
