"""Settings for the test suite: real PostGIS, no network, cheap password hashing."""

import atexit
import shutil
import tempfile

from .base import *

INSTALLED_APPS = [*INSTALLED_APPS, "demo"]
SECRET_KEY = "tests-only-" + "0" * 50
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
if "SOLCOMMUN_TEST_DATA_DIR" in os.environ:  # a process that a test started works in that test's folder
    DATA_DIR = Path(os.environ["SOLCOMMUN_TEST_DATA_DIR"])
else:
    DATA_DIR = Path(tempfile.mkdtemp(prefix="solcommun-test-"))
    atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)
IMAGERY_DIR = DATA_DIR / "imagery"
RUNS_DIR = DATA_DIR / "runs"
MODELS_DIR = DATA_DIR / "models"
PREDICTIONS_DIR = DATA_DIR / "predictions"
RELEASES_DIR = DATA_DIR / "releases"
SEGMENTS_DIR = DATA_DIR / "segments"
ENCODER_WEIGHTS_DIR = DATA_DIR / "encoders"
DEPOSITS_DIR = DATA_DIR / "deposits"
EXPORTS_DIR = DATA_DIR / "exports"
UPLOADS_DIR = DATA_DIR / "uploads"
# Static files are looked for when they are asked for: listing them all took each new test client half a second.
WHITENOISE_AUTOREFRESH = True
ACCOUNT_RATE_LIMITS = False
HOURLY_LIMITS = dict.fromkeys(HOURLY_LIMITS, (1_000_000,) * 3)
REST_FRAMEWORK = {
    **REST_FRAMEWORK,
    "DEFAULT_THROTTLE_RATES": dict.fromkeys(REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000/min"),
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
LOGGING["root"]["level"] = "WARNING"
DATABASES["default"]["CONN_MAX_AGE"] = 0
# A commit need not reach the disk: no test cuts the server's power, and each commit waited for it.
DATABASES["default"]["OPTIONS"]["options"] = (
    DATABASES["default"]["OPTIONS"].get("options", "") + " -c synchronous_commit=off"
).strip()
