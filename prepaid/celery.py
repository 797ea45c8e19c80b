"""The Celery application of the jobs. Tasks are declared with `@app.task`."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prepaid.settings")

# `prepaid://` is the site's own database; the class is imported when the broker is first used.
TRANSPORT_ALIASES["prepaid"] = "prepaid.jobs.broker:Transport"

app = Celery("prepaid")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
