"""The plain admin of holders, accounts and cards, for superusers; that of programs stands with the screens.

Cards are shown only, for their states change by lifecycle.py and leave an event.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from prepaid.cards.models import Account, Card, CardEvent, Credential, Holder


class ShownOnly:
    """What nobody adds, changes or deletes here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CredentialInline(ShownOnly, admin.TabularInline):  # type: ignore[type-arg]
    """How a card proves itself, without the hashes that find it."""

    model = Credential
    fields = ("method", "counter", "key_version", "pin_failures", "pin_tries_max")
    extra = 0


class CardEventInline(ShownOnly, admin.TabularInline):  # type: ignore[type-arg]
    """What happened to a card's state."""

    model = CardEvent
    fields = ("at", "change", "from_state", "to_state", "reason", "actor", "transaction_id")
    extra = 0


@admin.register(Holder)
class HolderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Persons and firms that hold accounts."""

    list_display = ("name", "phone", "email")
    search_fields = ("name", "phone", "email")


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Accounts, for their tier; what is on them is the ledger's."""

    list_display = ("id", "program", "holder", "tier")
    list_filter = ("tier", "program")
    search_fields = ("holder__name", "cards__last_four")
    readonly_fields = ("program", "holder", "opened_at")
    list_select_related = ("program", "holder")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Card)
class CardAdmin(ShownOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Cards with their credentials and events."""

    list_display = ("number_masked", "program", "state", "expires_on", "issued_at")
    list_filter = ("state", "program")
    search_fields = ("last_four", "account__holder__name")
    list_select_related = ("program",)
    inlines = (CredentialInline, CardEventInline)
