from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "prepaid.ledger"
    label = "ledger"
