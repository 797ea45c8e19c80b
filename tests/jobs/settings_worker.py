"""The site's own settings for a worker under test: what takes minutes in a shop takes seconds here."""

from prepaid.jobs.schedule import BEAT_SCHEDULE
from prepaid.settings import *  # noqa: F403
from prepaid.settings import CELERY_BROKER_TRANSPORT_OPTIONS

CELERY_BROKER_TRANSPORT_OPTIONS = CELERY_BROKER_TRANSPORT_OPTIONS | {"visibility_timeout": 4}
CELERY_BEAT_SCHEDULE = {
    name: entry | ({"schedule": 1.0} if isinstance(entry["schedule"], float) else {})
    for name, entry in BEAT_SCHEDULE.items()
}
