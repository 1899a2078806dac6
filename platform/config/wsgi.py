"""WSGI entry for the web process."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
django_application = get_wsgi_application()

from annotation.served_tiles import StoredTiles  # noqa: E402 (Django must be set up first)

application = StoredTiles(django_application)
