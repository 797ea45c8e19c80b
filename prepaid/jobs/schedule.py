"""When the clock starts each job. Plain values only: the settings read this before any app is loaded.

A message that nobody took in time expires, so that a worker that was away does not run a job a hundred times.
"""

from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # 03:30 in Shanghai, when shops are closed.
    "reconcile": {
        "task": "reconcile",
        "schedule": crontab(hour="19", minute="30"),
        "options": {"expires": 6 * 3600},
    },
    "compare_batches": {
        "task": "compare_batches",
        "schedule": crontab(minute="5"),
        "options": {"expires": 3600},
    },
    "expire_approvals": {"task": "expire_approvals", "schedule": 300.0, "options": {"expires": 300}},
    "expire_holds": {"task": "expire_holds", "schedule": 60.0, "options": {"expires": 60}},
    # A store's day may begin at any hour.
    "pay_instalments": {
        "task": "pay_instalments",
        "schedule": crontab(minute="10"),
        "options": {"expires": 3600},
    },
    "expire_lots": {"task": "expire_lots", "schedule": crontab(minute="20"), "options": {"expires": 3600}},
    "fold_outbox": {"task": "fold_outbox", "schedule": 10.0, "options": {"expires": 30}},
    "bulk": {"task": "bulk", "schedule": 5.0, "options": {"expires": 5}},
    "watch_terminals": {"task": "watch_terminals", "schedule": 60.0, "options": {"expires": 60}},
    "sweep": {"task": "sweep", "schedule": crontab(minute="35"), "options": {"expires": 3600}},
    "heartbeat": {"task": "heartbeat", "schedule": 30.0, "options": {"expires": 60}},
}
