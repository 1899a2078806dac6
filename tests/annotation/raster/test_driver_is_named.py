"""GDAL never guesses a driver: every raster opened for reading names GTiff."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted(path for package in ("annotation", "learning") for path in (ROOT / package).rglob("*.py"))


def opens_without_driver(source: str) -> list[int]:
    """Lines where `rasterio.open` is called for reading without driver="GTiff"."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "open"):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "rasterio"):
            continue
        mode = node.args[1] if len(node.args) > 1 else None
        mode = next((word.value for word in node.keywords if word.arg == "mode"), mode)
        writes = isinstance(mode, ast.Constant) and str(mode.value).startswith("w")
        drivers = [word.value for word in node.keywords if word.arg == "driver"]
        named = any(isinstance(driver, ast.Constant) and driver.value == "GTiff" for driver in drivers)
        if not (writes or named):
            found.append(node.lineno)
    return found


def test_every_raster_opened_for_reading_names_its_driver():
    assert any("rasterio.open(" in path.read_text("utf-8") for path in SOURCES)
    offenders = {str(path): lines for path in SOURCES if (lines := opens_without_driver(path.read_text("utf-8")))}
    assert offenders == {}


@pytest.mark.parametrize(
    "call",
    ["rasterio.open(p)", "rasterio.open(p, 'r')", "rasterio.open(p, driver='VRT')", "rasterio.open(p, driver=d)"],
)
def test_an_open_without_the_driver_would_be_found(call):
    assert opens_without_driver(f"import rasterio\n{call}\n") == [2]


@pytest.mark.parametrize("call", ["rasterio.open(p, driver='GTiff')", "rasterio.open(p, 'w', **profile)"])
def test_an_open_with_the_driver_passes(call):
    assert opens_without_driver(f"import rasterio\n{call}\n") == []


def test_no_raster_is_opened_by_a_library_that_guesses():
    forbidden = (
        "from_file(",
        "rasterio.shutil.copyfiles",
        "gdal.Open",
        "from osgeo",
        "import fiona",
        "rasterio import open",
    )
    for path in SOURCES:
        text = path.read_text("utf-8")
        assert [word for word in forbidden if word in text] == [], path
