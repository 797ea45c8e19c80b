from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "prepaid.api"
    label = "api"
