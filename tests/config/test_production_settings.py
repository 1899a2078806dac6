"""Production refuses to start on an unsafe value, with what to set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = {
    "SECRET_KEY": "k3y-" + "abcdefghij0123456789" * 3,
    "ALLOWED_HOSTS": "solcommun.example",
    "DATABASE_URL": "postgis://u@db/solcommun",
    "CELERY_BROKER_URL": "redis://broker:6379/0",
}


#: Names that a developer's shell may hold and that would change what is tested.
OTHERS = (
    "NUM_PROXIES", "EMAIL_URL", "DEFAULT_FROM_EMAIL", "WEB_CONCURRENCY", "SECURE_SSL_REDIRECT", "EMAIL_VERIFICATION",
    "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_NAME", "OIDC_ORIGINS",
)  # fmt: skip
SMTP = {"EMAIL_URL": "smtp+tls://me:p%40ss@mail.example", "DEFAULT_FROM_EMAIL": "contact@solcommun.example"}


def start(code: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in (*GOOD, *OTHERS)}
    environment |= GOOD | {"DJANGO_SETTINGS_MODULE": "config.settings.production"} | changes
    folders = [str(REPOSITORY), str(REPOSITORY / "platform")]
    code = f"import sys; sys.path[:0] = {folders!r}; import django; django.setup(){code}"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd="/", timeout=120, check=False
    )


def settings_with(*names: str, **changes: str) -> dict[str, Any]:
    """Values that settings have once the process has started."""
    values = f"{{n: getattr(s, n) for n in {names!r}}}"
    done = start(f"; from django.conf import settings as s; import json; print(json.dumps({values}))", **changes)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_good_values_start() -> None:
    assert start().returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY has 5 characters"),
        ("SECRET_KEY", "a" * 60, "SECRET_KEY"),
        ("ALLOWED_HOSTS", "*", "never '*'"),
        ("CELERY_BROKER_URL", "amqp://x", "CELERY_BROKER_URL is 'amqp://x'"),
        ("EMAIL_URL", "consolemail://", "EMAIL_URL begins with 'consolemail', which sends nothing"),
        ("EMAIL_URL", "filemail:///tmp/mails", "EMAIL_URL begins with 'filemail', which sends nothing"),
        ("EMAIL_URL", "pigeon://coop", "EMAIL_URL begins with 'pigeon'"),
        ("EMAIL_URL", "smtp+tls://mail.example", "DEFAULT_FROM_EMAIL is 'webmaster@localhost'"),
        ("EMAIL_VERIFICATION", "sometimes", "EMAIL_VERIFICATION is 'sometimes'"),
        ("EMAIL_VERIFICATION", "mandatory", "on a site without a mail server"),
        ("OIDC_ISSUER", "https://id.example", "belong together"),
    ],
)
def test_an_unsafe_value_is_refused_and_named(name: str, value: str, words: str) -> None:
    done = start(**{name: value})
    assert done.returncode != 0
    assert words in done.stderr


OIDC = {"OIDC_ISSUER": "https://id.example/realm/", "OIDC_CLIENT_ID": "us", "OIDC_CLIENT_SECRET": "s3cr3t"}


def test_an_identity_provider_is_set_up_from_the_environment() -> None:
    given = settings_with("SOCIALACCOUNT_PROVIDERS", "OIDC_ORIGINS", **OIDC)
    (app,) = given["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"]
    assert (app["settings"]["server_url"], app["client_id"], app["secret"], app["name"]) == (
        "https://id.example/realm", "us", "s3cr3t", "id.example",
    )  # fmt: skip
    assert given["OIDC_ORIGINS"] == ["https://id.example"]  # where forms may lead
    without = settings_with("SOCIALACCOUNT_PROVIDERS", "OIDC_ORIGINS")
    assert without["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"] == []
    assert without["OIDC_ORIGINS"] == []


def test_an_identity_provider_without_tls_is_refused_and_its_secret_not_printed() -> None:
    done = start(**OIDC | {"OIDC_ISSUER": "http://id.example"})
    assert done.returncode != 0 and "https://" in done.stderr and "s3cr3t" not in done.stdout + done.stderr


def test_a_refused_mail_address_does_not_print_its_password() -> None:
    done = start(EMAIL_URL="pigeon://me:s3cr3t@coop")
    assert done.returncode != 0 and "s3cr3t" not in done.stdout + done.stderr


def test_mail_goes_where_its_address_says() -> None:
    names = ("EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_USE_SSL", "EMAIL_HOST_USER")
    names = (*names, "EMAIL_HOST_PASSWORD", "DEFAULT_FROM_EMAIL")
    assert list(settings_with(*names, **SMTP).values()) == [
        "django.core.mail.backends.smtp.EmailBackend", "mail.example", 587, True, False, "me", "p@ss",
        "contact@solcommun.example",
    ]  # fmt: skip
    given = settings_with(*names, **SMTP | {"EMAIL_URL": "smtp+ssl://mail.example"})
    assert list(given.values())[1:7] == ["mail.example", 465, False, True, "", ""]


@pytest.mark.parametrize("said", [{}, {"EMAIL_URL": ""}, {"EMAIL_URL": "dummymail://"}])
def test_a_site_without_mail_server_sends_nothing_and_prints_no_password_link(said: dict[str, str]) -> None:
    assert settings_with("EMAIL_BACKEND", **said) == {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}


def test_the_scheme_is_taken_from_a_header_only_behind_a_proxy() -> None:
    assert settings_with("SECURE_PROXY_SSL_HEADER") == {"SECURE_PROXY_SSL_HEADER": None}
    behind = settings_with("SECURE_PROXY_SSL_HEADER", "NUM_PROXIES", "ALLAUTH_TRUSTED_PROXY_COUNT", NUM_PROXIES="1")
    assert list(behind.values()) == [["HTTP_X_FORWARDED_PROTO", "https"], 1, 1]


def test_the_demonstration_is_no_part_of_a_public_site() -> None:
    assert "demo" not in settings_with("INSTALLED_APPS")["INSTALLED_APPS"]
    assert "demo" in settings_with("INSTALLED_APPS", DJANGO_SETTINGS_MODULE="config.settings.dev")["INSTALLED_APPS"]


@pytest.mark.parametrize(("processes", "limits"), [("1", "60/m/ip,10/300s/key"), ("2", "30/m/ip,5/300s/key"),
                                                   ("8", "7/m/ip,3/300s/key")])  # fmt: skip
def test_web_processes_share_the_sign_ins_that_may_fail(processes: str, limits: str) -> None:
    given = settings_with("ACCOUNT_RATE_LIMITS", WEB_CONCURRENCY=processes)
    assert given["ACCOUNT_RATE_LIMITS"]["login_failed"] == limits
