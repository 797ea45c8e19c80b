"""Works off orders and imports in small chunks, for a test that kills it.

Started once: for each line that it reads it forks a child, which works, says what it has done and may be
killed, and it says how that one ended. It has one thread and no connection, so that forking it is safe.
"""

from __future__ import annotations

import os
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

    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                print(os.getpid(), flush=True)
                work_off(now=timezone.now, may_go_on=go_on)
                code = 0
            finally:
                os._exit(code)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
