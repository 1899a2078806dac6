"""Settings for a public server. Refuses to start on an unsafe value rather than running with it."""

from django.core.exceptions import ImproperlyConfigured

from .base import *

if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5:
    raise ImproperlyConfigured(
        f"SECRET_KEY has {len(SECRET_KEY)} characters: set a random one of at least 50 in the environment."
    )
if "*" in ALLOWED_HOSTS or not env.list("ALLOWED_HOSTS", default=[]):
    raise ImproperlyConfigured(
        f"ALLOWED_HOSTS is {ALLOWED_HOSTS!r}: name the site's own host names, comma-separated, never '*'."
    )

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = False
