"""The embedded default: one machine, private services under var/, plain HTTP on 127.0.0.1."""

from .base import *

INSTALLED_APPS = [*INSTALLED_APPS, "demo"]
if not SECRET_KEY:
    # `make setup` writes one into var/services.env; commands that need no site (help, checks) work before that.
    SECRET_KEY = "not-for-serving-" + "0" * 50
DEBUG = env.bool("DEBUG", default=False)
