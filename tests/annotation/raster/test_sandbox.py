from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from annotation.errors import InvalidFeature
from annotation.raster import errors, sandbox
from annotation.raster.ingest import partial_folder, rewrite_as_layer
from annotation.raster.isolated_ingest import inspect_isolated, rewrite_isolated
from annotation.raster.sandbox import SandboxLimits, run_in_sandbox

PIXELS = np.random.default_rng(5).integers(1, 255, (3, 300, 300), dtype=np.uint8)
RIGHTS = "annotation.raster.sandbox_child.describe_rights"


def kernel_grants_isolation() -> bool:
    flags = [] if os.geteuid() == 0 else ["--user"]
    return subprocess.run(["unshare", "--net", *flags, "true"], capture_output=True, check=False).returncode == 0


needs_isolation = pytest.mark.skipif(
    not kernel_grants_isolation(), reason="the kernel grants no network namespace to this user"
)


@needs_isolation
def test_the_child_has_three_drivers_no_usable_network_a_bare_environment_and_limits(monkeypatch):
    monkeypatch.setenv("DJANGO_SECRET_KEY", "secret")
    monkeypatch.setenv("PROJ_LIB", "/usr/share/proj")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    limits = SandboxLimits(memory_bytes=2**30, cpu_seconds=50, file_bytes=10**6)
    rights = run_in_sandbox(RIGHTS, {}, limits=limits)
    assert rights["drivers"] == ["COG", "GTiff", "MEM"]
    assert set(rights["interfaces"]) <= {"lo"}
    assert rights["limits"] == {"memory": 2**30, "cpu": 50, "file": 10**6}
    assert not {"DJANGO_SECRET_KEY", "PROJ_LIB", "https_proxy"} & set(rights["environment"])
    assert rights["folder_is_empty"]


@needs_isolation
def test_not_even_the_loopback_listener_can_be_reached(canary):
    """The same child steps, then a connection: refused inside, accepted here."""
    script = (
        "import socket\nfrom annotation.raster.sandbox_child import leave_the_network\n"
        "assert leave_the_network() == ''\n"
        f"try:\n    socket.create_connection(('127.0.0.1', {canary.port}), timeout=2)\n"
        "except OSError:\n    print('unreachable')"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(sandbox.PACKAGE_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "unreachable"
    assert canary.visits == 0
    socket.create_connection(("127.0.0.1", canary.port)).close()


def test_the_sandbox_makes_the_same_files_as_the_plain_function(make_tiff, tmp_path):
    path = make_tiff(PIXELS)
    shares: list[float] = []
    inside = rewrite_isolated([path], out_dir=tmp_path / "inside", progress=shares.append, require_isolation=False)
    outside = rewrite_as_layer([path], out_dir=tmp_path / "outside")
    assert inside.folder == tmp_path / "inside"
    assert inside.as_json() == outside.as_json()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_an_inspection_comes_back_as_json(make_tiff):
    report = inspect_isolated([make_tiff(PIXELS)], require_isolation=False)
    assert report["grid"] == {
        "crs": "EPSG:2154",
        "transform": [0.2, 0.0, 600000.0, 0.0, -0.2, 6800000.0],
        "width": 300,
        "height": 300,
    }
    assert report["bands"] == ["R", "G", "B"]
    assert report["sources"][0]["name"] == "image.tif"


def test_an_error_comes_back_as_its_own_class_with_its_message(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(errors.NotATiff, match=r"a\.tif is not a TIFF.*gdal_translate") as caught:
        inspect_isolated([tmp_path / "a.tif"], require_isolation=False)
    assert (caught.value.code, caught.value.status) == ("raster_not_a_tiff", 422)


def test_an_error_keeps_its_details():
    answer = {
        "type": "error",
        "ours": True,
        "module": "annotation.errors",
        "class": "InvalidFeature",
        "message": "crossing",
        "details": {"feature_id": "f1", "at": [3, 4]},
    }
    with pytest.raises(InvalidFeature, match="crossing") as caught:
        sandbox._result(answer, "annotation.x.y")
    assert caught.value.details == {"feature_id": "f1", "at": [3, 4]}


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("annotation.errors", "annotations"), ("annotation.raster.gate", "local_file")],
)
def test_an_answer_cannot_name_anything_but_one_of_our_errors(module, name):
    answer = {"type": "error", "ours": True, "module": module, "class": name, "message": "x", "details": {}}
    with pytest.raises(errors.SandboxFailed):
        sandbox._result(answer, "annotation.x.y")


@pytest.mark.parametrize("function", ["os.system", "subprocess.run", "annotationx.f"])
def test_only_functions_of_this_project_are_run(function):
    with pytest.raises(errors.SandboxFailed, match="not a function of this project"):
        run_in_sandbox(function, {})


def test_an_unexpected_error_is_a_failure_with_its_traceback():
    with pytest.raises(errors.SandboxFailed, match="AttributeError"):
        run_in_sandbox("annotation.raster.ingest.no_such_function", {}, require_isolation=False)


def test_work_that_lasts_too_long_is_stopped(make_tiff, tmp_path):
    with pytest.raises(errors.SandboxLimitReached, match=r"ran past 0\.05 s"):
        rewrite_isolated(
            [make_tiff(PIXELS)],
            out_dir=tmp_path / "layer",
            limits=SandboxLimits(wall_seconds=0.05),
            require_isolation=False,
        )


def test_a_file_that_grows_too_large_stops_the_import_and_nothing_is_left(make_tiff, tmp_path):
    with pytest.raises((errors.SandboxLimitReached, errors.UnusableRaster)):
        rewrite_isolated(
            [make_tiff(PIXELS)],
            out_dir=tmp_path / "layer",
            limits=SandboxLimits(file_bytes=100_000),
            require_isolation=False,
        )
    assert [entry.name for entry in tmp_path.iterdir()] == ["image.tif"]


def test_too_little_memory_is_a_named_limit_and_nothing_is_left(make_tiff, tmp_path):
    with pytest.raises(errors.SolcommunError):
        rewrite_isolated(
            [make_tiff(PIXELS)],
            out_dir=tmp_path / "layer",
            limits=SandboxLimits(memory_bytes=120 * 2**20),
            require_isolation=False,
        )
    assert [entry.name for entry in tmp_path.iterdir()] == ["image.tif"]


def test_a_cancelled_import_stops_the_child_and_leaves_nothing(make_tiff, tmp_path):
    class Cancelled(Exception):
        pass

    def cancel(share: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        rewrite_isolated([make_tiff(PIXELS)], out_dir=tmp_path / "layer", progress=cancel, require_isolation=False)
    assert not partial_folder(tmp_path / "layer").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["image.tif"]


def test_without_isolation_the_work_is_refused_unless_the_caller_accepts_it(caplog):
    unisolated = {"type": "unisolated", "message": "unshare: Operation not permitted"}
    with pytest.raises(errors.SandboxUnavailable, match="Operation not permitted"):
        sandbox._result(unisolated, "annotation.x.y")
    with caplog.at_level(logging.WARNING):
        run_in_sandbox(RIGHTS, {}, require_isolation=False)
    assert kernel_grants_isolation() != ("without network isolation" in caplog.text)
