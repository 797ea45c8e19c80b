"""A process that works off orders and imports in small chunks, for a test that kills it."""

from __future__ import annotations

import sys

import django
from django.conf import settings


def main() -> None:
    django.setup()
    from django.utils import timezone

    from prepaid.stored_value.bulk import imports, orders
    from prepaid.stored_value.bulk.work import work_off

    for room in (orders, imports):
        vars(room)["CHUNK_LINES"] = int(sys.argv[1])
    imports.UNDO_LINES = int(sys.argv[1])
    assert settings.configured

    def go_on() -> bool:
        print("chunk", flush=True)
        return True

    work_off(now=timezone.now, may_go_on=go_on)
    print("done", flush=True)


if __name__ == "__main__":
    main()
