"""The site as a WSGI application, for granian or any other server."""

import os
import signal

from prepaid.runner import database
from prepaid.runner.children import follow_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prepaid.settings")
os.environ.setdefault("DATABASE_POOL", "8")
# A server's worker must not outlive a master that was killed.
follow_parent(signal.SIGTERM)
database.start_unless_given()

from django.core.wsgi import get_wsgi_application  # noqa: E402  (the database comes first)

application = get_wsgi_application()

from prepaid.keys import refuse_lost_keys  # noqa: E402  (it asks the database)

refuse_lost_keys()
