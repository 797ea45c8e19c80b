"""The addresses of the screens."""

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from prepaid.web import people
from prepaid.web.counter import cards, identity, issuing, life, receipts, stream, views
from prepaid.web.office import imports, offers, orders, reports, returns, rules
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
    path("cards/<uuid:card_id>/identity", identity.identity, name="card_identity"),
    path("office/returns", returns.returns, name="returns"),
    path("office/returns/rules", rules.rules, name="rules"),
    path("office/returns/<uuid:card_id>", returns.quote, name="return_quote"),
    path("office/returns/<uuid:card_id>/choice", returns.choose_way, name="choose_return"),
    path("office/returns/<uuid:card_id>/payment", returns.pay, name="pay_return"),
    path("office/orders", orders.orders, name="orders"),
    path("office/orders/new", orders.new_order, name="new_order"),
    path("office/orders/imports", imports.imports, name="imports"),
    path("office/orders/imports/<uuid:import_id>", imports.card_import, name="import"),
    path("office/orders/imports/<uuid:import_id>/faults.csv", imports.import_faults, name="import_faults"),
    path("office/orders/imports/<uuid:import_id>/lines.csv", imports.import_lines, name="import_lines"),
    path("office/orders/imports/<uuid:import_id>/file", imports.import_file, name="import_file"),
    path("office/orders/imports/<uuid:import_id>/<slug:change>", imports.lead_import, name="lead_import"),
    path("office/orders/<uuid:order_id>", orders.order, name="order"),
    path("office/orders/<uuid:order_id>/file", orders.order_file, name="order_file"),
    path("office/orders/<uuid:order_id>/recall", orders.recall_order, name="recall_order"),
    path("office/orders/<uuid:order_id>/<slug:change>", orders.lead_order, name="lead_order"),
    path("office/reports", reports.reports, name="reports"),
    path("office/reports/report.xlsx", reports.export_xlsx, name="report_xlsx"),
    path("office/reports/<slug:code>.csv", reports.export_csv, name="report_csv"),
    path("office/offers", offers.offers, name="offers"),
    path("office/offers/new", offers.new_offer, name="new_offer"),
    path("office/offers/<uuid:offer_id>/end", offers.end, name="end_offer"),
    path("office/terminals", office.terminals, name="terminals"),
    path("office/exceptions", office.exceptions, name="exceptions"),
    path("office/exceptions/<uuid:exception_id>", office.resolve_exception, name="resolve_exception"),
]
