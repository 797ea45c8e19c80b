from django.apps import AppConfig


class StoredValueConfig(AppConfig):
    name = "prepaid.stored_value"
    label = "stored_value"
