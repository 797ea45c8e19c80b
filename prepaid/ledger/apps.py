from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "prepaid.ledger"
    label = "ledger"

    def ready(self) -> None:
        """Load the SQL functions after each migrate: the one signal of the site."""
        from prepaid.ledger.loading import load_functions

        post_migrate.connect(load_functions, sender=self, dispatch_uid="ledger.load_functions")
