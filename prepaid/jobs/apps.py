from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "prepaid.jobs"
    label = "jobs"
