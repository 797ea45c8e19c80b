"""The Celery application of the jobs."""

import os

from celery import Celery

from prepaid.runner import database

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prepaid.settings")
# A job may take as long as its time limit allows, so its statements may too.
os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_MS", "110000")
os.environ.setdefault("DATABASE_POOL", "0")
database.start_unless_given()

app = Celery("prepaid")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
