from django.apps import AppConfig


class TendersConfig(AppConfig):
    name = "prepaid.tenders"
    label = "tenders"
