"""Settings that every environment shares; values that differ come from the environment (or var/services.env)."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

# A PROJ or GDAL folder of the system does not fit the copies inside rasterio's wheel: forget it before GDAL loads.
for _name in ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA"):
    os.environ.pop(_name, None)

import environ
import rasterio  # first: GeoDjango then uses the GDAL and GEOS that come with it (docs/adr/0009)

REPOSITORY = Path(__file__).resolve().parents[3]
VAR_DIR = Path(os.environ.get("SOLCOMMUN_VAR_DIR") or REPOSITORY / "var")

env = environ.Env()
_services = VAR_DIR / "services.env"
if _services.exists() and os.access(_services, os.R_OK):
    env.read_env(str(_services), overwrite=False)


def _bundled(pattern: str) -> str | None:
    root = Path(rasterio.__file__).resolve().parent
    for folder in (root.parent / "rasterio.libs", root / ".dylibs"):
        for hit in sorted(folder.glob(pattern)):
            return str(hit)
    return None


GDAL_LIBRARY_PATH = os.environ.get("GDAL_LIBRARY_PATH") or _bundled("libgdal*")
GEOS_LIBRARY_PATH = os.environ.get("GEOS_LIBRARY_PATH") or _bundled("libgeos_c*")

SECRET_KEY = env.str("SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "django.contrib.humanize",  # allauth's pages say "two days ago"
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_vite",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "leaflet",
    "rest_framework",
    "annotation.apps.AnnotationConfig",
    "learning.apps.LearningConfig",
]

MIDDLEWARE = [
    "config.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.PrivateResponses",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [REPOSITORY / "platform" / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
            ]
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", default="postgis://solcommun@/solcommun")}
DATABASES["default"]["ENGINE"] = "django.contrib.gis.db.backends.postgis"
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})["application_name"] = "solcommun"
# The web process sets a limit for its own queries (platform/setup/gunicorn.conf.py); jobs and commands have none.
if _statement_timeout_ms := env.int("STATEMENT_TIMEOUT_MS", default=0):
    DATABASES["default"]["OPTIONS"]["options"] = f"-c statement_timeout={_statement_timeout_ms}"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_REDIRECT_URL = "/campaigns/"
LOGIN_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
# none: no address is confirmed; optional: a link is sent to the one given; mandatory: nobody is let in before.
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", default="none")
if ACCOUNT_EMAIL_VERIFICATION not in {"none", "optional", "mandatory"}:
    raise environ.ImproperlyConfigured(
        f"EMAIL_VERIFICATION is {ACCOUNT_EMAIL_VERIFICATION!r}: none, optional or mandatory is expected."
    )
_email_field = "email*" if ACCOUNT_EMAIL_VERIFICATION == "mandatory" else "email"
ACCOUNT_SIGNUP_FIELDS = ["username*", _email_field, "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "annotation.forms.SignupForm"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
# Each web process counts failed sign-ins alone (see CACHES) and gets its share of what all may let through: 60 a minute
# from one address, 10 in five minutes of one account. Never under 3 a process: people mistype.
_web_processes = max(1, env.int("WEB_CONCURRENCY", default=2))
ACCOUNT_RATE_LIMITS = {
    "signup": "60/m/ip",
    "login": "300/m/ip",
    "login_failed": f"{max(3, 60 // _web_processes)}/m/ip,{max(3, 10 // _web_processes)}/300s/key",
}
ACCOUNT_FORMS = {"reset_password": "config.accounts.ResetPasswordForm"}

# --- second factors: an app's codes, security keys, and codes on paper for when either is lost ---
MFA_ADAPTER = "config.accounts.SealedMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Solcommun"
# Where no address is ever confirmed, an unconfirmed one is no reason to refuse a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION == "none"

# --- signing in by another organisation's accounts (OpenID Connect), where the operator names one ---
OIDC_ISSUER = env.str("OIDC_ISSUER", default="").rstrip("/")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
if len({bool(OIDC_ISSUER), bool(OIDC_CLIENT_ID), bool(OIDC_CLIENT_SECRET)}) > 1:
    raise environ.ImproperlyConfigured(
        "OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET belong together: set all three, or none."
    )
_oidc_app = {
    "provider_id": "oidc",
    "name": env.str("OIDC_NAME", default="") or urlsplit(OIDC_ISSUER).hostname,
    "client_id": OIDC_CLIENT_ID,
    "secret": OIDC_CLIENT_SECRET,
    "settings": {"server_url": OIDC_ISSUER},
}
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [_oidc_app] if OIDC_ISSUER else []},
}
# A new person still chooses a name and agrees to the licence; an address is no proof of owning an account here.
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
# Browsers hold a form to where it is redirected as well, which is the provider.
_oidc = urlsplit(OIDC_ISSUER)
OIDC_ORIGINS = [f"{_oidc.scheme}://{_oidc.netloc}", *env.list("OIDC_ORIGINS", default=[])] if OIDC_ISSUER else []

# smtp+tls://user:password@host (port 587), smtp+ssl:// (465), smtp:// (25); dummymail:// sends none.
EMAIL_URL = env.str("EMAIL_URL", default="")
if (_scheme := EMAIL_URL.partition(":")[0]) and _scheme not in environ.Env.EMAIL_SCHEMES:
    raise environ.ImproperlyConfigured(
        f"EMAIL_URL begins with {_scheme!r}: smtp+tls://, smtp+ssl://, smtp:// or dummymail:// is expected."
    )
_mail = environ.Env.email_url_config(EMAIL_URL or "consolemail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"] or (587 if EMAIL_USE_TLS else 465 if EMAIL_USE_SSL else 25)
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_TIMEOUT = 10  # a mail server that is silent must not hold a web thread
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="") or "webmaster@localhost"

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [REPOSITORY / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = None  # production collects files; elsewhere they are found where they are
STATICFILES_DIRS = [
    REPOSITORY / "platform" / "config" / "static",
    *([REPOSITORY / "frontend" / "dist"] if (REPOSITORY / "frontend" / "dist").is_dir() else []),
]
# Vite has named its files by their content already, so they are served as they are.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+[.-][0-9a-zA-Z_-]{8,12}\..+$"
DJANGO_VITE = {
    "default": {
        "dev_mode": False,
        "manifest_path": REPOSITORY / "frontend" / "dist" / "manifest.json",
        "static_url_prefix": "",
    }
}

# --- files the platform keeps ---
DATA_DIR = Path(env.str("SOLCOMMUN_DATA_DIR", default=str(VAR_DIR / "data")))
IMAGERY_DIR = DATA_DIR / "imagery"
RUNS_DIR = DATA_DIR / "runs"
MODELS_DIR = DATA_DIR / "models"
PREDICTIONS_DIR = DATA_DIR / "predictions"
RELEASES_DIR = DATA_DIR / "releases"
SEGMENTS_DIR = DATA_DIR / "segments"  # made again when missing
ENCODER_WEIGHTS_DIR = Path(env.str("ENCODER_WEIGHTS_DIR", default="") or DATA_DIR / "encoders")  # the operator's files
UPLOADS_DIR = DATA_DIR / "uploads"  # weights that wait for a worker
DEPOSITS_DIR = DATA_DIR / "deposits"  # what is on its way to an archive
EXPORTS_DIR = DATA_DIR / "exports"  # what people asked to have of themselves, for a few days

# --- queue: the job row in PostgreSQL is the truth, a message only says "look" ---
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="redis://127.0.0.1:6379/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"unacked_restore_interval": 5, "unacked_restore_throttle": 1}
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ALWAYS_EAGER = False
CELERY_BEAT_SCHEDULE = {
    "sweep-jobs": {"task": "annotation.tasks.sweep_jobs", "schedule": 15.0},
    "send-report-mail": {"task": "annotation.tasks.send_report_mail", "schedule": 300.0},
    "forget-reporters": {"task": "annotation.tasks.forget_reporters", "schedule": 3600.0},
    "reclaim-tiles": {"task": "annotation.tasks.reclaim_tiles", "schedule": 3600.0},
    "check-submissions": {"task": "learning.tasks.check_submissions", "schedule": 20.0},
    "measure-pairs": {"task": "annotation.tasks.measure_pairs", "schedule": 3600.0},
    "keep-weeks": {"task": "annotation.tasks.keep_weeks", "schedule": 3600.0},
    "look-for-alarms": {"task": "annotation.tasks.look_for_alarms", "schedule": 300.0},
    "sweep-releases": {"task": "learning.tasks.sweep_releases", "schedule": 300.0},
    "consider-releases": {"task": "learning.tasks.consider_releases", "schedule": 3600.0},
    "compare-maps": {"task": "learning.tasks.compare_maps", "schedule": 3600.0},
    "count-territories": {"task": "learning.tasks.count_territories", "schedule": 21_600.0},
    "sweep-personal-files": {"task": "annotation.tasks.sweep_personal_files", "schedule": 3600.0},
    "consider-retraining": {"task": "learning.tasks.consider_retraining", "schedule": 60.0},
}
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=60)
JOB_GPU_QUEUE = env.str("JOB_GPU_QUEUE", default="gpu")
# Whether several workers compute the parts of one map: where they have processors of their own and one data folder.
MAP_SHARED = env.bool("MAP_SHARED", default=False)
# In which a worker makes polygons, each of at most half a GiB; workers that share a map are that many already.
POLYGON_PROCESSES = env.int("POLYGON_PROCESSES", default=1 if MAP_SHARED else min(4, os.cpu_count() or 1))

# Foreign rasters are read in a child process without network. Where the kernel forbids that, imports are refused,
# unless this is set to false by someone who trusts every file.
REQUIRE_SANDBOX = env.bool("REQUIRE_SANDBOX", default=True)
IMAGERY_CELL_PX = env.int("IMAGERY_CELL_PX", default=8192)  # side of a cell of a new layer: 512 times a power of two
IMPORT_PROCESSES = env.int("IMPORT_PROCESSES", default=min(4, os.cpu_count() or 1))  # of at most 2 GiB each

# --- people's work ---
LEASE_SECONDS = env.int("LEASE_SECONDS", default=900)
HEARTBEAT_SECONDS = env.int("HEARTBEAT_SECONDS", default=60)
MAX_ACTIVE_LEASES = 2
MAX_VERDICTS_PER_POLYGON = 10
# What an hour takes of one person: a newcomer, a contributor, somebody trusted (docs/adr/0023). Far above what anybody
# does by hand: the studio saves 2,400 times an hour at most, a day's answers given offline are 5,000 a tile.
HOURLY_LIMITS = {
    "claim": (240, 600, 2_000),
    "save": (2_400, 3_600, 7_200),
    "submit": (60, 240, 1_000),
    "verdict": (6_000, 12_000, 20_000),
    "review": (1_000, 1_000, 1_000),
    "split": (6, 6, 30),
}
RECLAIM_AFTER_DAYS = env.int("RECLAIM_AFTER_DAYS", default=21)
CONTRIBUTION_LICENCE = "etalab-2.0"
# Reports of wrong places (docs/adr/0024)
REPORTS_WITHOUT_ACCOUNT = env.bool("REPORTS_WITHOUT_ACCOUNT", default=True)
REPORTS_PER_HOUR = env.int("REPORTS_PER_HOUR", default=10)  # of one network address
REPORTS_PER_HOUR_SIGNED_IN = 60
REPORT_CONTACT_DAYS = env.int("REPORT_CONTACT_DAYS", default=730)

# The feed of changes stops so long before now: by how much the clocks of machines that write may differ.
CHANGES_MARGIN_S = 5.0

# In each process's memory, so that a broker that is away stops neither reading nor saving; a limit is then per process.
_MEMORY = "django.core.cache.backends.locmem.LocMemCache"
CACHES = {
    # Counters of requests and of failed sign-ins only.
    "default": {"BACKEND": _MEMORY, "OPTIONS": {"MAX_ENTRIES": 100_000}},
    # Maps of tiles, for seconds: few, since each may be half a megabyte.
    "tile_maps": {"BACKEND": _MEMORY, "LOCATION": "tile-maps", "TIMEOUT": 10, "OPTIONS": {"MAX_ENTRIES": 32}},
}

# Proxies in front of the web process: only that many entries of X-Forwarded-For are believed.
NUM_PROXIES = env.int("NUM_PROXIES", default=0)
ALLAUTH_TRUSTED_PROXY_COUNT = NUM_PROXIES

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.authentication.TokenAuthentication",
        "config.authentication.SessionAuthentication401",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "annotation.api.scopes.TokenScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.api_errors.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("THROTTLE_ANON", default="120/min"),
        "user": env.str("THROTTLE_USER", default="1200/min"),
        "save": env.str("THROTTLE_SAVE", default="240/min"),
        "segments": env.str("THROTTLE_SEGMENTS", default="120/min"),
        "start": env.str("THROTTLE_START", default="30/hour"),
        "features": env.str("THROTTLE_FEATURES", default="600/min"),  # of one network address
    },
    "NUM_PROXIES": NUM_PROXIES,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# A tile of 200,000 corners in 5,000 shapes, the most that may be saved, takes up to 3.6 MB as JSON.
API_MAX_BODY_BYTES = 4 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY_BYTES + 1024
# Weights that a maintainer sends: FLAIR-INC's are 98 MB. Written to disk piece by piece.
MODEL_UPLOAD_MAX_BYTES = env.int("MODEL_UPLOAD_MAX_BYTES", default=512 * 1024 * 1024)

SPECTACULAR_SETTINGS = {
    "TITLE": "Solcommun API",
    "DESCRIPTION": "Everything the studio, the review desk and scripts use.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "CampaignStateEnum": "annotation.models.Campaign.State",
        "AnnotationStateEnum": "annotation.models.Annotation.State",
        "ShownAnnotationStateEnum": ["new", "draft", "submitted", "sent_back", "accepted", "reverted", "split"],
        "JobStateEnum": "annotation.models.Job.State",
        "ModelStateEnum": "learning.models.TrainedModel.State",
        "TileStateEnum": "annotation.models.Tile.State",
        "ReportStateEnum": "annotation.models.PlaceReport.State",
        "ReviewReasonEnum": "annotation.models.Review.Reason",
        "ReviewVerdictEnum": "annotation.models.Review.Verdict",
        "ValidationVerdictEnum": "annotation.models.Validation.Verdict",
        "ChangeVerdictEnum": "annotation.models.ChangeVerdict",
        "ExpectationSourceEnum": ["counted", "earlier_sample", "holdout", "assumed", "given"],
    },
}

# Where this platform's code is published, cited by every release; empty: releases name the commit alone.
CODE_URL = env.str("CODE_URL", default="")
# --- releases taken elsewhere (docs/adr/0048). The defaults are trial sites where there is one. ---
SITE_URL = env.str("SITE_URL", default="").rstrip("/")  # deposits link to the releases' pages
ZENODO_URL = env.str("ZENODO_URL", default="https://sandbox.zenodo.org")
ZENODO_TOKEN = env.str("ZENODO_TOKEN", default="")
DATAGOUV_URL = env.str("DATAGOUV_URL", default="https://demo.data.gouv.fr")
DATAGOUV_API_KEY = env.str("DATAGOUV_API_KEY", default="")
DATAGOUV_ORGANIZATION = env.str("DATAGOUV_ORGANIZATION", default="")
HUGGINGFACE_URL = env.str("HUGGINGFACE_URL", default="https://huggingface.co")
HUGGINGFACE_TOKEN = env.str("HUGGINGFACE_TOKEN", default="")
HUGGINGFACE_NAMESPACE = env.str("HUGGINGFACE_NAMESPACE", default="")

# --- browser-side security ---
from csp.constants import NONCE, SELF

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "object-src": ["'none'"],
        "base-uri": [SELF],
        "frame-ancestors": ["'none'"],
        "form-action": [SELF, *OIDC_ORIGINS],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

LEAFLET_CONFIG = {
    "TILES": [],
    "RESET_VIEW": False,
    "ATTRIBUTION_PREFIX": "Leaflet",
    "MINIMAP": False,
    "SCALE": "metric",
    "NO_GLOBALS": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # GDAL reports harmless tag orders at INFO, one line a file.
    "loggers": {"rasterio": {"level": "WARNING"}},
}

if urlsplit(CELERY_BROKER_URL).scheme not in {"redis", "rediss", "redis+socket", "memory"}:
    raise environ.ImproperlyConfigured(
        f"CELERY_BROKER_URL is {CELERY_BROKER_URL!r}: a redis://, rediss:// or redis+socket:// address is expected."
    )
