from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def grant_after_migrate(using: str, **_: Any) -> None:
    from prepaid.runner.grants import grant_to_application

    grant_to_application(connections[using])


class RunnerConfig(AppConfig):
    name = "prepaid.runner"
    label = "runner"

    def ready(self) -> None:
        from prepaid import checks  # noqa: F401  (registers them)

        # The one kind of signal in the site: the database's rights follow its tables.
        post_migrate.connect(grant_after_migrate, sender=self, dispatch_uid="prepaid.runner.grants")
