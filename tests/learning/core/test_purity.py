from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import learning.core

NUMPY_ONLY = (
    "acquisition", "area", "dataset", "durable", "edges", "effort", "evaluate", "gate", "map_copies", "map_files",
    "map_plan", "map_tables", "polygons.join", "polygons.rule", "polygons.run", "regions", "rounds", "weights_source",
)  # fmt: skip
ROOT = Path(learning.core.__file__).resolve().parents[2]


def loaded_by(modules: tuple[str, ...]) -> set[str]:
    code = f"import sys, {', '.join(f'learning.core.{m}' for m in modules)}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_evaluating_ranking_and_gating_never_import_torch_or_django():
    loaded = loaded_by(NUMPY_ONLY)
    assert "learning.core.gate" in loaded
    assert not loaded & {"torch", "timm", "segmentation_models_pytorch", "django", "celery"}


def test_every_raster_is_opened_with_its_driver_named():
    for path in (ROOT / "learning" / "core").rglob("*.py"):
        for opening in path.read_text().split("rasterio.open(")[1:]:
            opening = opening[:120]
            assert 'driver="GTiff"' in opening or '"w"' in opening, f"{path.name}: {opening}"


def test_no_module_unpickles_what_it_receives():
    for path in (ROOT / "learning" / "core").rglob("*.py"):
        text = path.read_text()
        assert "import pickle" not in text and "allow_pickle=True" not in text
        assert text.count("torch.load(") == text.count("weights_only=True"), path.name


def test_what_torch_saved_is_read_in_two_named_places_only():
    """Packaged encoder weights, and published weights in a sandbox: nothing else may ever unpickle."""
    allowed = {"learning/core/encoder_weights.py", "learning/core/foreign_weights.py"}
    readers = [p for app in ("annotation", "learning", "platform") for p in (ROOT / app).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in readers if "torch.load(" in path.read_text()}
    assert found == allowed
    callers = {
        str(path.relative_to(ROOT))
        for path in readers
        if "foreign_weights" in path.read_text() and path.name != "foreign_weights.py"
    }
    assert callers <= {"learning/jobs/imports.py", "learning/services/imports.py"}, "only by way of the sandbox"
    assert "import learning.core.foreign_weights" not in (ROOT / "learning/jobs/imports.py").read_text()
    assert "from learning.core.foreign_weights" not in (ROOT / "learning/jobs/imports.py").read_text()
