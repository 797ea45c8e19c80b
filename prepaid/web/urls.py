"""The addresses of the screens."""

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from prepaid.web import people
from prepaid.web.counter import asking, cards, identity, issuing, life, phones, receipts, stream, views
from prepaid.web.office import approvals, fleet, offers, offline, reports, returns, rule_change, rules
from prepaid.web.office import views as office

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="counter"), name="start"),
    path("login", people.Login.as_view(), name="login"),
    path("lock", people.lock, name="lock"),
    path("till", people.till, name="till"),
    path("language", login_not_required(set_language), name="set_language"),
    path("counter", views.counter, name="counter"),
    path("counter/command", views.command, name="command"),
    path("counter/taps", stream.taps, name="taps"),
    path("counter/taps/latest", stream.latest_tap, name="latest_tap"),
    path("counter/<uuid:card_id>", views.counter, name="counter_card"),
    path("receipts/<uuid:transaction_id>", receipts.receipt, name="receipt"),
    path("cards", cards.cards, name="cards"),
    path("cards/new", issuing.new_card, name="new_card"),
    path("cards/<uuid:card_id>/state", cards.change, name="change_card"),
    path("cards/<uuid:card_id>/life", life.card_life, name="card_life"),
    path("cards/<uuid:card_id>/life/<slug:code>", life.change_life, name="change_life"),
    path("cards/<uuid:card_id>/asking/<slug:code>", asking.ask_approval, name="ask_approval"),
    path("cards/<uuid:card_id>/identity", identity.identity, name="card_identity"),
    path("office/returns", returns.returns, name="returns"),
    path("office/returns/rules", rules.rules, name="rules"),
    path("office/returns/rules/change", rule_change.ask_rule_change, name="ask_rule_change"),
    path("office/returns/<uuid:card_id>", returns.quote, name="return_quote"),
    path("office/returns/<uuid:card_id>/choice", returns.choose_way, name="choose_return"),
    path("office/returns/<uuid:card_id>/payment", returns.pay, name="pay_return"),
    path("cards/<uuid:card_id>/phones", phones.phones, name="phones"),
    path("cards/<uuid:card_id>/phones/<uuid:phone_id>/unlink", phones.unlink, name="unlink_phone"),
    path("pay/", include("prepaid.web.holder.urls")),
    path("office/reports", reports.reports, name="reports"),
    path("office/reports/report.xlsx", reports.export_xlsx, name="report_xlsx"),
    path("office/reports/<slug:code>.csv", reports.export_csv, name="report_csv"),
    path("office/approvals", approvals.approvals, name="approvals"),
    path("office/approvals/<uuid:approval_id>", approvals.decide_approval, name="decide_approval"),
    path("office/offers", offers.offers, name="offers"),
    path("office/offers/new", offers.new_offer, name="new_offer"),
    path("office/offers/<uuid:offer_id>/end", offers.end, name="end_offer"),
    path("office/terminals", fleet.terminals, name="terminals"),
    path("office/terminals/<uuid:terminal_id>", fleet.terminal, name="terminal"),
    path("office/terminals/<uuid:terminal_id>/unlock", fleet.unlock_terminal, name="unlock_terminal"),
    path("office/terminals/<uuid:terminal_id>/approve", fleet.approve_terminal, name="approve_terminal"),
    path("office/terminals/<uuid:terminal_id>/promote", fleet.promote_terminal, name="promote_terminal"),
    path("office/offline", offline.offline, name="offline"),
    path("office/exceptions", office.exceptions, name="exceptions"),
    path("office/exceptions/<uuid:exception_id>", office.resolve_exception, name="resolve_exception"),
]
