"""A whole scene by the platform's own commands: files imported, mapped, made into polygons, and shown.

    python bench/_maps_scene.py [SIDE ...]      sides in pixels; default 5120 10240 20480

Real imagery, turned and mirrored, is laid out as sixteen GeoTIFFs. Each stage is the command that an operator or a
worker runs, in a process of its own, over a database of its own; then the site is asked for map tiles of every kind.
Of every process that took part (commands, the one that decodes foreign files, the site's, PostgreSQL's) the most memory
it ever held is read from the kernel; only this program, which generates the imagery and checks the outcome, is not
counted.

    peak_mib_large    the most memory of any process for the largest scene, MiB
    peak_mib_quarter  the same for the one of a quarter of its ground
    scene             side in pixels → stage → seconds for a square kilometre, and bytes on the disk for each

Checked, or there are no figures: polygons are valid, share their edges, cover exactly the ground that the map covers,
and none is below its minimum unit without a reason; every kind of map tile is there; COGs validate.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
SIDES = (5120, 10240, 20480)
FILES_A_SIDE = 4
GSD_M = 0.2
MOST_MIB = 2048
SAMPLE_S = 0.05
MODEL = "tu-tf_efficientnet_lite0"
TILES_ASKED = 400
GERS_KM2, FRANCE_KM2 = 6257, 543_940  # of the département's imagery; of metropolitan France


def measure(rounds: int = 1, sides: Sequence[int] = SIDES) -> dict[str, Any]:
    """Figures `peak_mib_large`, `peak_mib_quarter` and `scene`; a scene is done once, whatever `rounds` says."""
    import _maps_tiles

    folder = Path(tempfile.mkdtemp(prefix="solcommun-scene-"))
    os.environ["SOLCOMMUN_TEST_DATA_DIR"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "_next_tile_settings")
    sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
    peaks, scenes = {}, {}
    try:
        with _maps_tiles.database():
            for side in sides:
                with Watched() as watched:
                    scenes[side] = _scene(folder, side)
                peaks[side] = watched.peak_mib
                _print(side, scenes[side], watched)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if len(scenes) > 1:
        _print_growth(scenes)
    if max(peaks.values()) > MOST_MIB:
        raise SystemExit(f"A process held {max(peaks.values()):.0f} MiB, more than the {MOST_MIB} that are allowed.")
    largest = max(sides)
    return {
        "peak_mib_large": round(peaks[largest]),
        "peak_mib_quarter": round(peaks.get(largest // 2, 0)),
        "scene": {str(side): scenes[side] for side in sides},
    }


class Watched:
    """The most memory of each process that runs meanwhile under this program, and of PostgreSQL's.

    `peaks`: MiB by a process's own words, the highest of those that had the same.
    """

    def __init__(self) -> None:
        self.peaks: dict[str, float] = {}
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Watched:
        self._sampler.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._sampler.join()

    @property
    def peak_mib(self) -> float:
        """Of all of them."""
        return max(self.peaks.values())

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            for name, mib in _held():
                self.peaks[name] = max(self.peaks.get(name, 0.0), mib)


def _held() -> Iterator[tuple[str, float]]:
    """Name and the most memory so far, in MiB, of each process to be counted."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # gone meanwhile
    own = os.getpid()
    for pid in parents:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if not (words[0].startswith("postgres") or _is_under(pid, own, parents)):
                continue
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), None)
        if peak is not None:
            yield _name(words), int(peak) / 1024


def _is_under(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    above = parents.get(pid, 0)
    while above > 1:
        if above == ancestor:
            return True
        above = parents.get(above, 0)
    return False


def _name(words: list[str]) -> str:
    if words[0].startswith("postgres"):
        return "PostgreSQL"
    told = " ".join(words)
    known = {"gunicorn": "the site", "sandbox_child": "decoding", "manage.py": "manage.py", "_client": "the client"}
    found = next((name for part, name in known.items() if part in told), told[:40])
    if found != "manage.py":
        return found
    return f"manage.py {words[next(n for n, word in enumerate(words) if word.endswith('manage.py')) + 1]}"


def _scene(folder: Path, side: int) -> dict[str, dict[str, float]]:
    """Every stage over one scene: seconds, and bytes kept, for a square kilometre."""
    files = _sources(folder / f"files-{side}", side)
    slug, km2 = f"scene-{side}", (side * GSD_M / 1000) ** 2
    stages: dict[str, dict[str, float]] = {}

    def timed(stage: str, *words: str) -> None:
        before = time.perf_counter()
        _command(*words)
        stages[stage] = {"seconds_km2": round((time.perf_counter() - before) / km2, 3)}
        print(f"    {stage}: {time.perf_counter() - before:.0f} s", flush=True)

    timed(
        "import", "import_imagery", str(files), "--layer", slug, "--vintage", "2022", "--licence", "etalab-2.0",
        "--attribution", "bench", "--bands", "R,G,B",
    )  # fmt: skip
    shutil.rmtree(files)
    timed("copy for web maps", "write_web_copies", slug)
    model, prediction = _model(slug)
    timed("map", "run_job", str(prediction))
    from learning.models import PolygonMap, Prediction

    timed("polygons", "run_job", str(_polygons_job(Prediction.objects.get(model=model))))
    made = Prediction.objects.get(model=model)
    polygons = PolygonMap.objects.get(prediction=made)
    _check_polygons(made, polygons)
    _check_cogs(made)
    stages["shown"] = _shown(folder, model.campaign, made, km2)
    layer_files = model.campaign.layer.path("analysis.tif").parent.resolve()
    stages["import"]["bytes_km2"] = round((_size(layer_files) - _web_size(layer_files)) / km2)
    stages["copy for web maps"]["bytes_km2"] = round(_web_size(layer_files) / km2)
    kept = sum(entry["bytes"] for entry in polygons.files.values())
    stages["polygons"] |= {"bytes_km2": round(kept / km2), "polygons_km2": round(polygons.figures["polygons"] / km2)}
    stages["map"]["bytes_km2"] = round((_size(made.path("")) - kept) / km2)
    for place in (layer_files, made.path("")):
        shutil.rmtree(place)
    return stages


def _sources(folder: Path, side: int) -> Path:
    """Sixteen GeoTIFFs side by side, as an agency delivers them."""
    import _maps_world as world
    import rasterio

    folder.mkdir()
    images, _labels = world.pieces()
    part = side // FILES_A_SIDE
    place = world.PLACE["transform"]
    for number in range(FILES_A_SIDE**2):
        row, col = divmod(number, FILES_A_SIDE)
        profile = {
            "driver": "GTiff", "width": part, "height": part, "count": 3, "dtype": "uint8", "tiled": True,
            "blockxsize": 512, "blockysize": 512, "compress": "deflate", "crs": world.PLACE["crs"],
            "transform": place * rasterio.Affine.translation(col * part, row * part),
        }  # fmt: skip
        with rasterio.open(folder / f"{row}-{col}.tif", "w", **profile) as target:
            target.write(world.laid_out(images, part, seed=number))
    return folder


def _command(*words: str) -> None:
    """manage.py in a process of its own, on the same database and folder."""
    from _next_tile_world import address
    from django.db import connection

    environment = os.environ | {
        "DATABASE_URL": address(connection.settings_dict["NAME"]),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / part) for part in ("platform", ".", "bench")),
        "STATEMENT_TIMEOUT_MS": "0",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=REPOSITORY, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{words[0]} failed:\n{done.stdout[-500:]}\n{done.stderr[-1500:]}")


def _model(slug: str) -> tuple[Any, str]:
    """A campaign on the layer, a small network that tells its classes apart a little, and the job of its map."""
    import _maps_world as world
    import scenes
    from learning_rows import model_row

    from annotation.models import ImageryLayer
    from learning.core.model_file import save_model
    from learning.services.predictions import start_prediction

    layer = ImageryLayer.objects.get(slug=slug)
    campaign = scenes.campaign(slug, layer=layer, tile_px=512, first_round=40)
    leaves = campaign.nomenclature.classes.filter(selectable=True).order_by("code")
    codes = list(leaves.values_list("code", flat=True))[: len(world.CLASSES)]
    trained = world.lightly_trained(MODEL, steps=60, class_codes=tuple(codes))
    model = model_row(campaign, state="promoted")
    model.run.training_set.class_codes = codes
    model.run.training_set.save(update_fields=["class_codes"])
    model.sha256 = save_model(model.path, trained.network, trained.metadata)
    model.save(update_fields=["sha256"])
    return model, str(start_prediction(model=model).pk)


def _polygons_job(prediction: Any) -> str:
    """The job that the map's left behind."""
    from learning.services.polygons import polygons_under_way

    job = polygons_under_way(prediction)
    assert job is not None, "no job was queued for the polygons"
    return str(job.pk)


def _check_polygons(prediction: Any, made: Any) -> None:
    import numpy as np
    import pyogrio.raw
    import rasterio
    import shapely

    from learning.core.polygons.rule import shipped_rule
    from learning.jobs.polygons import plan_of

    path = prediction.path(next(name for name in made.files if name.endswith(".gpkg")))
    found = pyogrio.raw.read(path, columns=["class_code", "reason", "pixels"])
    geometry, column = shapely.from_wkb(found[2]), dict(zip(found[0]["fields"], found[3], strict=True))
    codes, reasons, pixels = column["class_code"], column["reason"], column["pixels"]
    plan = plan_of(prediction, shipped_rule(made.rule), with_control_tiles=False, work_dir=path.parent / "none")
    numbers = [plan.class_codes.index(code) + 1 for code in codes]
    small = pixels < plan.minimum_px[0, numbers]
    with rasterio.open(prediction.path("class_public.tif"), driver="GTiff") as dataset:
        covered = sum(
            int((dataset.read(1, window=window) > 0).sum()) for _block, window in dataset.block_windows(1)
        ) * GSD_M**2  # fmt: skip
    faults = {
        "invalid": int((~shapely.is_valid(geometry)).sum()),
        "edges that are not shared": int((~shapely.is_empty(shapely.coverage_invalid_edges(geometry))).sum()),
        "too small without a reason": int((small & (reasons == "")).sum()),
        "m² amiss": round(abs(float(shapely.area(geometry).sum()) - covered), 3),
    }
    told = ", ".join(f"{count} {what}" for what, count in faults.items())
    print(f"    {len(geometry):,} polygons: {told}; {np.count_nonzero(reasons != '')} with a reason", flush=True)
    if any(count for what, count in faults.items() if what != "m² amiss") or faults["m² amiss"] > 1e-6 * covered:
        raise SystemExit("The polygons are not a coverage of the map's ground.")


def _check_cogs(prediction: Any) -> None:
    """Every map is a valid COG whose overviews have no class that the map has not."""
    import numpy as np
    import rasterio
    from rio_cogeo.cogeo import cog_validate

    for name in ("class.tif", "entropy.tif", "class_public.tif", "entropy_public.tif"):
        valid, errors, _warnings = cog_validate(prediction.path(name), quiet=True)
        if not valid:
            raise SystemExit(f"{name} is not a COG: {errors}")
    with rasterio.open(prediction.path("class.tif"), driver="GTiff") as dataset:
        levels = len(dataset.overviews(1))
        codes = range(len(json.loads(dataset.tags()["CLASS_CODES"])) + 1)
    for level in range(levels):
        with rasterio.open(prediction.path("class.tif"), driver="GTiff", overview_level=level) as overview:
            for _block, window in overview.block_windows(1):
                if not np.isin(overview.read(1, window=window), codes).all():
                    raise SystemExit(f"Overview {level} has a class that does not exist.")


def _shown(folder: Path, campaign: Any, prediction: Any, km2: float) -> dict[str, float]:
    """The site under way: map tiles of every kind that people see, and the polygons as a file."""
    import _maps_tiles
    from _next_tile_world import site

    from learning.map_layers import map_layers

    offered = map_layers(campaign)
    rates = {}
    with site("config.wsgi:application", folder) as port:
        for layer in (*offered["imagery"], *offered["maps"], {"kind": "polygon", **offered["polygons"]}):
            places = _places(layer.get("bounds") or offered["imagery"][0]["bounds"], layer["max_zoom"])
            paths = [layer["url"].format(z=z, x=x, y=y) for z, x, y in places]
            answered = _maps_tiles.ask(port, paths)
            if answered["pictures"] < answered["answers"] / 2:
                raise SystemExit(f"{layer['url']}: {answered['pictures']} of {answered['answers']} are pictures.")
            rates[layer.get("kind", "imagery")] = round(answered["rate"])
        name = next(name for name in _polygon_names(prediction) if name.endswith(".gpkg"))
        address = f"http://127.0.0.1:{port}/predictions/{prediction.pk}/polygons/{name}"
        with urllib.request.urlopen(address, timeout=600) as answer:
            got = sum(len(part) for part in iter(lambda: answer.read(1 << 20), b""))
        if got != prediction.path(name).stat().st_size:
            raise SystemExit(f"{name}: {got} bytes came.")
    print(f"    map tiles a second: {', '.join(f'{kind} {rate}' for kind, rate in rates.items())}", flush=True)
    return {f"{kind}_tiles_s": rate for kind, rate in rates.items()}


def _polygon_names(prediction: Any) -> list[str]:
    from learning.services.polygons import offered_polygons

    made = offered_polygons(prediction)
    assert made is not None
    return list(made.files)


def _places(bounds: list[list[float]], deepest: int) -> list[tuple[int, int, int]]:
    """Map tiles of the last six zooms within bounds (south, west), (north, east), in one random order."""
    import random

    from annotation.core.grid import web_transformer
    from annotation.raster.web_grid import HALF_WORLD_M

    (south, west), (north, east) = bounds
    to_web = web_transformer("EPSG:4326")
    (left, bottom), (right, top) = to_web.transform(west, south), to_web.transform(east, north)
    drawn = random.Random(3)  # noqa: S311 an order, not a secret
    found = []
    for z in range(deepest - 5, deepest + 1):
        span = 2 * HALF_WORLD_M / 2**z
        for _ in range(TILES_ASKED // 6):
            x, y = drawn.uniform(left, right), drawn.uniform(bottom, top)
            found.append((z, int((x + HALF_WORLD_M) // span), int((HALF_WORLD_M - y) // span)))
    drawn.shuffle(found)
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _web_size(folder: Path) -> int:
    path = folder / "web.tif"
    return path.stat().st_size if path.exists() else 0


def _print(side: int, stages: dict[str, dict[str, float]], watched: Watched) -> None:
    km2 = (side * GSD_M / 1000) ** 2
    print(f"\nscene of {side} × {side} px, {km2:.2f} km²")
    for stage, figures in stages.items():
        told = ", ".join(f"{value:,} {name}" for name, value in figures.items())
        print(f"  {stage:<20}{told}")
    for name, mib in sorted(watched.peaks.items(), key=lambda one: -one[1]):
        print(f"  {name:<32}{mib:7.0f} MiB at most")


def _print_growth(scenes: dict[int, dict[str, dict[str, float]]]) -> None:
    """Of each stage: what a square kilometre more costs, by least squares over the sizes, and what that makes of a
    département and of France on a machine as this one."""
    import numpy as np

    km2 = np.array([(side * GSD_M / 1000) ** 2 for side in scenes])
    print(f"\n  {'stage':<20}{'s/km²':>8}{'fixed s':>9}{'Gers, h':>9}{'France, h':>11}{'MB/km²':>8}{'Gers, TB':>10}")
    for stage in ("import", "copy for web maps", "map", "polygons"):
        seconds = np.array([scenes[side][stage]["seconds_km2"] for side in scenes]) * km2
        slope, fixed = np.polyfit(km2, seconds, 1)
        mb = scenes[max(scenes)][stage]["bytes_km2"] / 1e6
        hours = [slope * area / 3600 for area in (GERS_KM2, FRANCE_KM2)]
        print(
            f"  {stage:<20}{slope:8.2f}{fixed:9.1f}{hours[0]:9.1f}{hours[1]:11.0f}{mb:8.1f}{mb * GERS_KM2 / 1e6:10.3f}"
        )


if __name__ == "__main__":
    sys.path[:0] = [str(REPOSITORY / "bench"), str(REPOSITORY)]
    print("FIGURES " + json.dumps(measure(sides=[int(word) for word in sys.argv[1:]] or SIDES)))
