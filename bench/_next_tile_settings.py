"""Settings of next_tile.py: the test suite's, with connections to the database kept as in production."""

from config.settings.test import *  # noqa: F403
from config.settings.test import DATABASES

DATABASES["default"]["CONN_MAX_AGE"] = 60
