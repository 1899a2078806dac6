"""What must be known to do a run again: the code's commit and the versions of what it stands on."""

from __future__ import annotations

import os
import platform
import subprocess
import zlib
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
#: What shapes the bytes of a release's files.
WRITERS = (
    "numpy",
    "rasterio",
    "pyogrio",
    "pyarrow",
    "shapely",
    "pystac",
    "rio-cogeo",
    "safetensors",
    "torch",
    "onnx",
    "onnx-ir",
    "onnxscript",
    "segmentation-models-pytorch",
    "timm",
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
    return {"python": platform.python_version(), **_versions(SOFTWARE)}


@lru_cache(maxsize=1)
def writer_versions() -> dict[str, str]:
    """Versions of what shapes the bytes of a release's files, with the libraries in C that each brings."""
    import pyogrio
    import rasterio
    import shapely

    return {
        "solcommun": software_version(),
        **_versions(WRITERS),
        "GDAL of rasterio": rasterio.__gdal_version__,
        "GDAL of pyogrio": ".".join(map(str, pyogrio.__gdal_version__)),
        "GEOS of shapely": shapely.geos_version_string,
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for name in names:
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
