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
# "Console" would print password links in the log, "file" and "memory" keep them here: each is a mail never sent.
if not EMAIL_URL:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
elif EMAIL_BACKEND.split(".")[-2] not in {"smtp", "dummy"}:
    raise ImproperlyConfigured(
        f"EMAIL_URL begins with {EMAIL_URL.partition(':')[0]!r}, which sends nothing to anyone: set "
        "smtp+tls://user:password@host, or dummymail:// for a site without e-mail (no password reset by mail)."
    )
if EMAIL_BACKEND.endswith(".smtp.EmailBackend") and "@localhost" in DEFAULT_FROM_EMAIL:
    raise ImproperlyConfigured(
        f"DEFAULT_FROM_EMAIL is {DEFAULT_FROM_EMAIL!r}: set the address that the site's mails come from."
    )
if ACCOUNT_EMAIL_VERIFICATION != "none" and not EMAIL_BACKEND.endswith(".smtp.EmailBackend"):
    raise ImproperlyConfigured(
        f"EMAIL_VERIFICATION is {ACCOUNT_EMAIL_VERIFICATION!r} on a site without a mail server: set EMAIL_URL, or none."
    )
if any(not origin.startswith("https://") for origin in OIDC_ORIGINS):
    raise ImproperlyConfigured(
        f"OIDC_ISSUER is {OIDC_ISSUER!r}: who signs in is believed because of the provider's https:// address."
    )

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# Without a proxy anyone may write that header; with one, the proxy must (docs/operate/serving.md).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if NUM_PROXIES > 0 else None
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = False
