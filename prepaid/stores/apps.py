from django.apps import AppConfig


class StoresConfig(AppConfig):
    name = "prepaid.stores"
    label = "stores"
