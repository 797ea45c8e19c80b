"""The site as a WSGI application, for granian or any other server."""

import os

from prepaid.runner import database

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prepaid.settings")
database.start_unless_given()

from django.core.wsgi import get_wsgi_application  # noqa: E402  (the database comes first)

application = get_wsgi_application()
