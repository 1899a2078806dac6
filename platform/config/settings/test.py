"""Settings for the test suite: real PostGIS, no network, cheap password hashing."""

import tempfile

from .base import *

SECRET_KEY = "tests-only-" + "0" * 50
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
DATA_DIR = (
    Path(env.str("SOLCOMMUN_TEST_DATA_DIR", default=""))
    if env.str("SOLCOMMUN_TEST_DATA_DIR", default="")
    else Path(tempfile.mkdtemp(prefix="solcommun-test-"))
)
IMAGERY_DIR = DATA_DIR / "imagery"
RUNS_DIR = DATA_DIR / "runs"
MODELS_DIR = DATA_DIR / "models"
PREDICTIONS_DIR = DATA_DIR / "predictions"
RELEASES_DIR = DATA_DIR / "releases"
ACCOUNT_RATE_LIMITS = False
REST_FRAMEWORK = {
    **REST_FRAMEWORK,
    "DEFAULT_THROTTLE_RATES": dict.fromkeys(REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000/min"),
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
LOGGING["root"]["level"] = "WARNING"
DATABASES["default"]["CONN_MAX_AGE"] = 0
