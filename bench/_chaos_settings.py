"""Settings of chaos_studio.py: the test suite's, with the studio's pages taken from the build under test."""

import os
from pathlib import Path

from config.settings.test import *  # noqa: F403
from config.settings.test import DJANGO_VITE, REPOSITORY

_dist = Path(os.environ["CHAOS_DIST"])
STATICFILES_DIRS = [REPOSITORY / "platform" / "config" / "static", _dist]
DJANGO_VITE = {"default": {**DJANGO_VITE["default"], "manifest_path": _dist / "manifest.json"}}
