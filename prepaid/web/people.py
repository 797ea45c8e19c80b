"""Logging in, locking, and choosing a till.

Knows sessions; must not know cards or value.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from prepaid.stores.models import Till
from prepaid.stores.staff import move_to_till
from prepaid.web.access import staff_of_request
from prepaid.web.named import name_of

LOCKED_PERSON = "locked_person"


@method_decorator(login_not_required, name="dispatch")
class Login(LoginView):
    """The login page; after a lock it asks for the same person's password."""

    template_name = "people/login.html"
    redirect_authenticated_user = True

    def get_initial(self) -> dict[str, Any]:
        """Fill in who was there before the lock."""
        return super().get_initial() | {"username": self.request.session.get(LOCKED_PERSON, "")}

    def get_form(self, form_class: Any = None) -> Any:
        """Put the cursor where the next key belongs."""
        form = super().get_form(form_class)
        if self.request.session.get(LOCKED_PERSON):
            form.fields["username"].widget.attrs.pop("autofocus", None)
            form.fields["password"].widget.attrs["autofocus"] = True
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Name who locked the screen."""
        locked = self.request.session.get(LOCKED_PERSON)
        return super().get_context_data(**kwargs, locked=locked)


@require_POST
def lock(request: HttpRequest) -> HttpResponse:
    """End the session and remember who it was, so that unlocking takes a password alone."""
    name = request.user.get_username()
    logout(request)
    request.session[LOCKED_PERSON] = name
    return redirect("login")


@never_cache
@require_http_methods(["GET", "POST"])
def till(request: HttpRequest) -> HttpResponse:
    """Ask where a person works, and keep it until they choose another till."""
    staff = staff_of_request(request)
    if staff is None:
        raise PermissionDenied(_("This login belongs to nobody who works at a store. Ask a manager."))
    following = _safe_next(request)
    tills = Till.objects.filter(store=staff.store).select_related("terminal", "store")
    if request.method == "POST":
        move_to_till(staff, get_object_or_404(tills, pk=request.POST.get("till")))
        return redirect(following)
    choices = list(tills)
    for choice in choices:
        choice.store_name = name_of(choice.store)  # type: ignore[attr-defined]
    return render(request, "people/till.html", {"tills": choices, "next": following})


def _safe_next(request: HttpRequest) -> str:
    asked = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}):
        return asked
    return reverse("counter")
