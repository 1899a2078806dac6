"""What must hold of the web process before any request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

LOAD_EVERYTHING = """
import os, sys
sys.path[:0] = [{root!r}, {root!r} + "/platform"]
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
from config.wsgi import application
from django.urls import get_resolver

def walk(patterns):
    for pattern in patterns:
        walk(pattern.url_patterns) if hasattr(pattern, "url_patterns") else pattern.callback

walk(get_resolver().url_patterns)
from django.test import RequestFactory
status = []
environ = RequestFactory().get("/healthz", HTTP_HOST="127.0.0.1").environ
application(environ, lambda line, headers: status.append(line))
assert status == ["200 OK"], status
refused = {{"torch", "torchvision", "timm", "segmentation_models_pytorch", "SimpleITK"}}
heavy = sorted(name for name in sys.modules if name.split(".")[0] in refused)
assert not heavy, heavy[:10]
print("web process ok")
"""


def test_the_web_process_serves_every_route_without_torch_or_simpleitk() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD_EVERYTHING.format(root=str(REPOSITORY))],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("web process ok")


def test_the_platform_folder_does_not_shadow_the_standard_library() -> None:
    assert not (REPOSITORY / "platform" / "__init__.py").exists()
    done = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip()
