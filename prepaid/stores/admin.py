"""The plain admin of stores, tills, staff and terminals, for superusers.

Terminals are shown only: they come by enrolment, and their faults by themselves.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from prepaid.ledger.accounts import open_general_accounts
from prepaid.stores.models import Staff, Store, Terminal, TerminalFault, Till


class TillInline(admin.TabularInline):  # type: ignore[type-arg]
    """The tills of a store."""

    model = Till
    extra = 0
    fields = ("name",)


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Stores; a new one gets its general accounts at once, and its currency stays."""

    list_display = ("code", "name", "name_zh", "currency", "timezone")
    inlines = (TillInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> tuple[str, ...]:
        return () if obj is None else ("code", "currency")

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        open_general_accounts(owner_id=obj.id, currency=obj.currency)


@admin.register(Staff)
class StaffAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who works where."""

    list_display = ("code", "user", "store", "role", "till")
    list_filter = ("store", "role")
    list_select_related = ("user", "store", "till")


class FaultInline(admin.TabularInline):  # type: ignore[type-arg]
    """The faults that a terminal named."""

    model = TerminalFault
    extra = 0


@admin.register(Terminal)
class TerminalAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Terminals, as they last told of themselves."""

    list_display = ("name", "store", "state", "agent_version", "last_seen_at", "queue_count")
    list_filter = ("store", "state")
    list_select_related = ("store",)
    exclude = ("public_key",)
    inlines = (FaultInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Terminal | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Terminal | None = None) -> bool:
        return False
