"""Make releases by the platform's own commands and let programs that others wrote judge them.

    python bench/check_release.py [--release FOLDER ...] [--data ../shared/data/korea-s2-georef] [--port 8462]

Two releases: one of a generated territory and one of real imagery (left out, with the reason, where the data is not at
hand), each by `manage.py demo`: imported, labelled, reviewed, trained on, mapped and published through the site and its
workers. On each, and on the site's own catalogues: the validators of _check_validators.py; on its OGC API Features:
_check_ogc.py. Then each is built again twice from its snapshot, elsewhere, in another time zone, with other numbers of
threads and workers, and every file's SHA-256 is compared; and docs/examples/outsider.py uses it as anyone would,
without a package of the platform.
With --release, only the validators, on folders that exist.

Exit status: 0 when every validator looked and was content, 1 for faults, 3 when none was found but something could not
be looked at: the table says "not run", and below it is why.

    validators         {name: [things looked at, errors]}; one that could not look (a schema not to be had) has [0, 0]
    rebuild_identical  whether every file of every rebuild is the published one
    files              files of the releases, manifests and sums included
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _check_ogc import ogc_api
from _check_published import Published
from _check_validators import Seen, dcat_document, figures, stac_documents, validate

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = {"ROUNDS": "1", "FIRST_TILES": "12", "TRAINING_STEPS": "120"}
GENERATED = {"SIZE_PX": "1664"}
MANY_BUILDS = (
    {"TZ": "UTC", "OMP_NUM_THREADS": "1", "GDAL_NUM_THREADS": "1"},
    {"TZ": "Pacific/Auckland", "OMP_NUM_THREADS": "2", "GDAL_NUM_THREADS": "4", "PYTHONHASHSEED": "7", "LC_ALL": "C"},
)
FAULTS, NOT_ALL_CHECKED = 1, 3  # exit status
LEAST_AGREEMENT = 0.9  # of a golden tile's inner pixels with the map, which saw what lies beyond the tile


@dataclass(frozen=True)
class Made:
    """A release that was made: its campaign, version and folder, and the site's address."""

    campaign: str
    version: str
    folder: Path
    url: str


def main() -> int:
    """Print the table and the figures; the exit status."""
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--release", type=Path, action="append", default=[])
    told.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data" / "korea-s2-georef")
    told.add_argument("--port", type=int, default=8462)
    options = told.parse_args()
    published = Published(REPOSITORY / "var" / "check")
    if options.release:
        found = [seen for folder in options.release for seen in validate(folder.resolve(), published)]
        return report(found, identical=None, n_files=sum(count_files(folder) for folder in options.release))
    began = time.monotonic()
    releases = list(made_releases(options.data, options.port))
    found = [seen for release in releases for seen in validate(release.folder, published)]
    found += of_the_site(releases[0].url, published)
    found += ogc_api(releases[0].url)
    rebuilds = [seen for release in releases for seen in rebuilt(release)]
    found += rebuilds
    found += [seen for release in releases for seen in outsider(release)]
    print(f"{len(releases)} releases, {time.monotonic() - began:.0f} s")
    identical = all(not seen.errors for seen in rebuilds)
    return report(found, identical=identical, n_files=sum(count_files(release.folder) for release in releases))


def made_releases(data: Path, port: int) -> Iterator[Made]:
    """The release of a generated territory, and that of real imagery where it is at hand."""
    yield made(GENERATED, port)
    images = sorted((data / "images").glob("*.tif"))
    if not images:
        print(f"real imagery: left out, {data} holds no images: say where with --data")
        return
    real = {"IMAGERY": str(data / "images" / "202309_*.tif"), "LABELS": str(data / "labels" / "202309_*.tif")}
    yield made({**real, "NOMENCLATURE": "korea_5", "VINTAGE": "2023", "TILE_PX": "128"}, port)


def made(environment: dict[str, str], port: int) -> Made:
    """Run the demonstration with these variables; what it published."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo"],
        cwd=REPOSITORY,
        env=bare() | SMALL | environment | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    folder, url = None, ""
    for line in process.stdout or ():
        print(line, end="", flush=True)
        if line.startswith("Release ") and "(" in line:
            folder = Path(line.rsplit("(", 1)[1].strip().rstrip(")"))
        if line.startswith("FIGURES "):
            url = json.loads(line.removeprefix("FIGURES "))["url"]
    if process.wait() or folder is None:
        raise SystemExit("the demonstration published nothing: its message is above")
    campaign, version = folder.name.rsplit("-", 1)
    return Made(campaign, version, folder, url)


def bare() -> dict[str, str]:
    """The environment without what `make demo` may be told."""
    told = {"IMAGERY", "LABELS", "NOMENCLATURE", "CRS", "TRANSFORM", "ATTRIBUTION", "VINTAGE", "TILE_PX", "SIZE_PX"}
    return {name: value for name, value in os.environ.items() if name not in told}


def of_the_site(url: str, published: Published) -> Iterator[Seen]:
    """The catalogues that the site itself answers with: STAC from its root down to its releases, all pages of DCAT."""
    yield from stac_documents(walked(f"{url}/stac/catalog.json", f"{url}/stac/"), published, label=" (site)")
    page: str | None = f"{url}/releases/dcat.jsonld"
    while page:
        text = fetched(page)
        yield from dcat_document(page, text, page, published, label=" (site)")
        views = [node for node in json.loads(text)["@graph"] if node["@type"] == "hydra:PartialCollectionView"]
        page = next((view["hydra:next"]["@id"] for view in views if "hydra:next" in view), None)


def walked(address: str, within: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A document and those its child links lead to, as far as their addresses begin so."""
    thing = json.loads(fetched(address))
    yield address, thing
    for link in thing["links"]:
        if link["rel"] == "child" and link["href"].startswith(within):
            yield from walked(link["href"], within)


def fetched(address: str) -> str:
    """A text of our own site."""
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - our own address
        return str(answer.read().decode())


def rebuilt(release: Made) -> Iterator[Seen]:
    """The snapshot built again, each time in a folder of its own and in another environment."""
    for environment in MANY_BUILDS:
        told = " ".join(f"{name}={value}" for name, value in environment.items())
        with tempfile.TemporaryDirectory(prefix="rebuilt-") as folder:
            done = subprocess.run(
                [sys.executable, "manage.py", "rebuild_release", release.folder.name, "--into", folder, "--json"],
                cwd=REPOSITORY, env=bare() | environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            said = done.stdout.strip().rsplit("\n", 1)[-1]
            if not said.startswith("{"):
                yield Seen("rebuild_release", f"{release.folder.name} {told}", (done.stderr.strip()[-300:],))
                continue
            answer = json.loads(said)
            differing = [f"{one['path']} differs" for one in answer["differences"] or ()]
            if not answer["identical"] and not differing:
                differing = ["the manifest differs"]
            built = count_files(Path(folder) / release.folder.name)
            if built != count_files(release.folder):
                differing.append(f"{built} files were built, {count_files(release.folder)} are published")
            yield Seen("rebuild_release", f"{release.folder.name} {told}", tuple(differing))


def outsider(release: Made) -> Iterator[Seen]:
    """docs/examples/outsider.py with nothing of ours on its path, each of its steps."""
    script = REPOSITORY / "docs" / "examples" / "outsider.py"
    with tempfile.TemporaryDirectory(prefix="outsider-") as folder:
        copy = shutil.copy(script, folder)
        done = subprocess.run(
            [sys.executable, "-I", copy, f"{release.url}/stac/catalog.json", f"{folder}/release", release.campaign],
            cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    line = done.stdout.strip().rsplit("\n", 1)[-1]
    if not line.startswith("OUTSIDER "):
        yield Seen("outsider", release.folder.name, (done.stderr.strip()[-400:],))
        return
    said = json.loads(line.removeprefix("OUTSIDER "))
    yield from judged(said, release)
    print(f"outsider: {line.removeprefix('OUTSIDER ')}")


def judged(said: dict[str, Any], release: Made) -> Iterator[Seen]:
    """What the outsider must have found, one line a step."""
    losses = said.get("losses") or [0.0]
    agreement = said.get("map_agreement", 0.0)
    runs = any(release.folder.glob("models/*/predict.py"))
    wrong = {
        "outsider: nothing of the platform": said.get("platform_packages"),
        "outsider: download": said.get("release") != release.folder.name or not said.get("files"),
        "outsider: checksums of STAC": not said.get("assets"),
        "outsider: two epochs": len(losses) != 2 or not losses[1] < losses[0],
        "outsider: golden tile": runs and said.get("golden_px_that_differ") != 0,
        "outsider: classes of the map": runs and agreement < LEAST_AGREEMENT,
    }
    for step, is_wrong in wrong.items():
        if not runs and step in ("outsider: golden tile", "outsider: classes of the map"):
            yield Seen(step, None, (f"{release.folder.name} has no models/*/predict.py",))
            continue
        yield Seen(step, release.folder.name, (json.dumps(said),) if is_wrong else ())


def count_files(folder: Path) -> int:
    """Files under a folder."""
    return sum(1 for path in folder.rglob("*") if path.is_file())


def report(found: list[Seen], *, identical: bool | None, n_files: int) -> int:
    """The table, what is wrong, what was not looked at, and the figures; the exit status."""
    table = figures(found)
    print(f"\n{'validator':<44}{'checked':>8}{'errors':>8}")
    for name, (checked, errors) in table.items():
        print(f"{name:<44}{checked or 'not run':>8}{errors if checked else '':>8}")
    for line in dict.fromkeys(f"{s.validator}: {s.thing or 'not run'}: {error}" for s in found for error in s.errors):
        print(line)
    not_run = [name for name, (checked, _) in table.items() if not checked]
    if not_run:
        print(f"NOT CHECKED: {', '.join(not_run)}")
    print("FIGURES " + json.dumps({"validators": table, "rebuild_identical": identical, "files": n_files}))
    if any(errors for _, errors in table.values()) or identical is False:
        return FAULTS
    return NOT_ALL_CHECKED if not_run else 0


if __name__ == "__main__":
    sys.exit(main())
