from django.apps import AppConfig


class SettlementConfig(AppConfig):
    name = "prepaid.settlement"
    label = "settlement"
