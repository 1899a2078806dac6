"""What must be known to do a run again: the code's commit and the versions of what it stands on."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from django.conf import settings

SOFTWARE = (
    "torch",
    "segmentation-models-pytorch",
    "timm",
    "numpy",
    "rasterio",
    "shapely",
    "safetensors",
    "django",
)
UNKNOWN_COMMIT = "unknown"


@lru_cache(maxsize=1)
def code_commit() -> str:
    """Commit of the running code: SOLCOMMUN_CODE_COMMIT (images have no .git), else git's, else unknown."""
    given = os.environ.get("SOLCOMMUN_CODE_COMMIT", "")
    if given:
        return given[:60]
    try:
        answer = subprocess.run(
            ["git", "-C", str(settings.REPOSITORY), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN_COMMIT
    return answer.stdout.strip() if answer.returncode == 0 else UNKNOWN_COMMIT


@lru_cache(maxsize=1)
def software_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that shape a model or a map; those absent are left out."""
    versions = {"python": platform.python_version()}
    for name in SOFTWARE:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@lru_cache(maxsize=1)
def software_version() -> str:
    """Version of Solcommun itself."""
    try:
        return version("solcommun")
    except PackageNotFoundError:
        return "0.0.0"
