"""The settings of the tests: a throwaway database a run, cheap passwords, no lock-out, keys of its own."""

import os
from pathlib import Path

from prepaid.runner import database
from prepaid.runner.binaries import DatabaseError
from prepaid.runner.cluster import Cluster

# xdist's workers inherit the variable, and with it the cluster of the whole run.
_folder = os.environ.get("PREPAID_TEST_CLUSTER")
try:
    if _folder:
        _cluster = Cluster(Path(_folder), throwaway=True)
        database.start(_cluster)
    else:
        _cluster = database.start_throwaway()
except DatabaseError as error:
    raise SystemExit(str(error)) from error
os.environ["PREPAID_TEST_CLUSTER"] = str(_cluster.folder)
os.environ["PREPAID_DATA"] = str(_cluster.folder.parent)
for _name in ("DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL", "DEBUG", "DATABASE_POOL"):
    os.environ.pop(_name, None)
os.environ["SECRET_KEY"] = "a key for tests that guards nothing"

from prepaid.settings import *  # noqa: E402, F403
from prepaid.settings import DATABASES  # noqa: E402

DEBUG = False
# The test database is made and migrated by the owner; tests/conftest.py then connects as the application.
DATABASES["default"]["USER"] = "prepaid_owner"
# pytest-xdist adds the worker's name.
DATABASES["default"]["TEST"] = {"NAME": "test_prepaid"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
