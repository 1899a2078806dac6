"""WSGI entry for the web process."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
application = get_wsgi_application()

# Django is set up now.
from annotation.served_tiles import StoredTiles  # noqa: E402

application = StoredTiles(application)
