"""Production refuses to start on an unsafe value, with what to set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = {
    "SECRET_KEY": "k3y-" + "abcdefghij0123456789" * 3,
    "ALLOWED_HOSTS": "solcommun.example",
    "DATABASE_URL": "postgis://u@db/solcommun",
    "CELERY_BROKER_URL": "redis://broker:6379/0",
}


def start(**changes: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in GOOD}
    environment |= GOOD | changes | {"DJANGO_SETTINGS_MODULE": "config.settings.production"}
    folders = [str(REPOSITORY), str(REPOSITORY / "platform")]
    code = f"import sys; sys.path[:0] = {folders!r}; import django; django.setup()"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd="/", timeout=120, check=False
    )


def test_good_values_start() -> None:
    assert start().returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY has 5 characters"),
        ("SECRET_KEY", "a" * 60, "SECRET_KEY"),
        ("ALLOWED_HOSTS", "*", "never '*'"),
        ("CELERY_BROKER_URL", "amqp://x", "CELERY_BROKER_URL is 'amqp://x'"),
    ],
)
def test_an_unsafe_value_is_refused_and_named(name: str, value: str, words: str) -> None:
    done = start(**{name: value})
    assert done.returncode != 0
    assert words in done.stderr
