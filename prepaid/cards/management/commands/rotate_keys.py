"""Add a version of the card keys: new cards get it, old ones keep what they have."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from prepaid.keys import KeysUnreadable, add_card_keys, site_keys


class Command(BaseCommand):
    help = "Add a version of the card keys for cards that are personalised from now on; the others stay."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            site_keys()
            version = add_card_keys(settings.KEYS_FILE)
        except KeysUnreadable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"New cards get keys of version {version} from now on; cards with older keys go on working. "
            f"Back {settings.KEYS_FILE} up now: a card whose version is lost is never read again."
        )
