"""The second half of the demonstration: the same ground at an earlier date, and figures of what changed.

The earlier image is mapped by the model that the loop has trained, as a new vintage is in practice. People look at
places of both dates and at what the two maps say differs; a commune then has areas, change and artificialised ground,
each with its interval, and what truly changed is known.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import rasterio.features
import rasterio.warp
from django.conf import settings

from annotation.models import Campaign
from demo.earlier import CODE, KIND, SHIFT_M, YEARS
from demo.interpreters import Eyes, all_at_once, answer_changes, answer_sample, settle_changes
from demo.territory import CLASS_CODES, drawn_on
from demo.truth import TruthMosaic
from learning.core.change_area import change_of
from learning.release.weights import read_weights_header
from learning.services.counted_classes import counted_classes
from learning.services.promotion import published_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from demo.api import ApiSession
    from demo.options import DemoOptions
    from demo.site import Site

#: Places of the two samples, the fewest in each part of the ground, and tiles on which questions are answered.
AREA_PLACES, AREA_FEWEST = 150, 12
CHANGE_PLACES, CHANGE_FEWEST = 250, 36
CHANGE_TILES, SETTLED = 16, 12
#: Who answers places and questions, two of them each; the maintainer settles what they see differently.
LOOKING = ("contributor1", "contributor2", "reviewer")
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Vintages:
    """What the later steps need of the two dates.

    Args: earlier: short name of the earlier layer. paths, truths: label rasters and truths, the earlier first.
    """

    earlier: str
    campaign: str
    folder: Path
    paths: tuple[Path, Path]
    truths: tuple[TruthMosaic, TruthMosaic]


def show_change(
    site: Site, options: DemoOptions, *, campaign: str, layer: str, signed_in: Callable[[str], ApiSession]
) -> list[str]:
    """Add the earlier date to a campaign whose model has a map, ask people, and have the figures counted.

    Args: signed_in: gives a session of the demonstration's account of that name.
    Returns: what the demonstration says of it at its end, in lines.
    """
    maintainer = signed_in("maintainer")
    both = _second_vintage(site, maintainer, options, campaign=campaign, layer=layer)
    before = _mapped_by_the_same_model(site, options, both)
    for name in LOOKING:
        site.manage_here("set_role", campaign, name, "reviewer")
    people = [signed_in(name) for name in LOOKING]
    # While the earlier image is being mapped, people look at the later one alone.
    drawn = _drawn(site, "draw_area_sample", campaign, AREA_PLACES, AREA_FEWEST, options.seed)
    _people_look(site, maintainer, people, campaign=campaign, sample=drawn, truths=both.truths[1:])
    _wait_for_map(site, maintainer, before)
    drawn = _drawn(
        site, "draw_change_sample", campaign, CHANGE_PLACES, CHANGE_FEWEST, options.seed, "--earlier", both.earlier
    )
    _people_look(site, maintainer, people, campaign=campaign, sample=drawn, truths=both.truths)
    _people_answer(site, maintainer, people, both, seed=options.seed)
    site.manage("artificialise", "--json", "--campaign", campaign)
    figures = _counted(site, maintainer, campaign)
    return told(figures, truth=true_flow(both), url=site.url, campaign=campaign)


# --- two dates ---


def earlier_folder(options: DemoOptions, layer: str) -> Path:
    """Where the earlier date of a drawn layer is written."""
    return options.root / "var" / "demo" / f"{layer}-{options.vintage - YEARS}"


def _second_vintage(site: Site, session: ApiSession, options: DemoOptions, *, campaign: str, layer: str) -> Vintages:
    """Import the earlier date and put it beside the later one; a commune and the use of its ground too."""
    year = options.vintage - YEARS
    slug = f"{layer}-{year}"
    site.say(f"The same territory as it was in {year}")
    folder = earlier_folder(options, layer)
    image, label = folder / "image.tif", folder / "truth.tif"
    later = options.root / "var" / "demo" / layer / "truth.tif"
    as_of = drawn_on(options.vintage)
    site.manage_here(
        "import_territories", str(folder / "commune.geojson"), "--kind", KIND, "--code-field", "code",
        "--name-field", "name", "--source", "Solcommun, invented boundary", "--date", as_of,
    )  # fmt: skip
    if session.finds(f"/imagery/{slug}/native/0/0/0.jpg"):
        site.say(f"Imagery layer {slug} is there already")
    else:
        site.manage(
            "import_imagery", "--json", "--layer", slug, "--title", f"A generated territory, {year}", "--licence",
            "etalab-2.0", "--vintage", str(year), "--date", drawn_on(year), "--attribution",
            "Solcommun, generated imagery", str(image),
        )  # fmt: skip
        site.manage_here(
            "import_usage", str(folder / "usage.geojson"), "--imagery", layer, "--code-field", "code", "--source",
            "Solcommun, invented land use", "--licence", "etalab-2.0", "--date", as_of,
        )  # fmt: skip
    site.manage_here("pair_layers", slug, layer)
    with rasterio.open(label, driver="GTiff") as file:
        grid = tuple(file.transform)[:6]
    truths = tuple(TruthMosaic([path], transform=grid, class_codes=CLASS_CODES) for path in (label, later))
    return Vintages(slug, campaign, folder, (label, later), (truths[0], truths[1]))


def _mapped_by_the_same_model(site: Site, options: DemoOptions, both: Vintages) -> str:
    """Open a campaign on the earlier layer and have the loop's model map it; the campaign's short name."""
    slug = f"{both.campaign}-{options.vintage - YEARS}"
    site.manage_here(
        "open_campaign", slug, "--json", "--title", f"Demonstration, {YEARS} years before ({both.campaign})",
        "--layer", both.earlier, "--nomenclature", options.nomenclature, "--tile-px", str(options.tile_px),
        "--first-round", str(options.first_tiles), "--seed", str(options.seed), "--maintainer", "maintainer",
    )  # fmt: skip
    model = published_model(Campaign.objects.get(slug=both.campaign))
    if model is None:
        raise RuntimeError(f"no model of {both.campaign} is published: ask for more rounds (ROUNDS=3)")
    source = both.folder / "weights.json"
    source.write_text(json.dumps(weights_source(model.path, version=model.version)), encoding="utf-8")
    site.manage(
        "import_model", str(model.path), "--campaign", slug, "--source-file", str(source), "--variant", "as-it-is",
        "--not-seen-here", "--publish-unjudged", "The demonstration maps an earlier date with the model of the later.",
        "--by", "maintainer", "--json",
    )  # fmt: skip
    return slug


def weights_source(model: Path, *, version: str) -> dict[str, Any]:
    """Data of a source of weights (docs/adr/0032) that offers one model file of ours, read from its own header."""
    told = json.loads(read_weights_header(model).metadata["solcommun"])
    spec, normalisation = told["spec"], told["normalisation"]
    codes = spec["head_rows"] or spec["class_codes"]
    words = {"en": f"The model {version} of this site", "fr": f"Le modèle {version} de ce site"}
    return {
        "code": "demo", "title": words, "address": "https://solcommun.invalid/", "attribution": "Solcommun",
        "licence": settings.CONTRIBUTION_LICENCE, "reference": "The demonstration's own loop", "seen": words,
        "network": {name: spec[name] for name in ("architecture", "encoder", "decoder_channels")},
        "nomenclature": told["nomenclature_code"], "channels": codes, "dtype": normalisation["dtype"],
        "gsd_m": told["gsd_m"], "margin_px": told["margin_px"],
        "bands": [
            {"name": name, "mean": mean, "std": std, "note": ""}
            for name, mean, std in zip(spec["bands"], normalisation["mean"], normalisation["std"], strict=True)
        ],
        "variants": [
            {"code": "as-it-is", "published_as": model.name, "bands": spec["bands"], "rewarded": codes}
        ],
    }  # fmt: skip


def _wait_for_map(site: Site, session: ApiSession, campaign: str) -> None:
    """Until the earlier map is there: a second round follows from it."""
    began = time.monotonic()
    while len(session.call("GET", f"campaigns/{campaign}/rounds/").body) < 2:
        site.progress("the earlier image is being mapped")
        if time.monotonic() - began > PATIENCE_S:
            raise RuntimeError(f"no map of {campaign} after {PATIENCE_S:.0f} s; see /admin/annotation/job/")
        time.sleep(0.5)
    site.progress_done()


# --- people ---


def _drawn(site: Site, command: str, campaign: str, places: int, fewest: int, seed: int, *more: str) -> int:
    """A sample's number."""
    answer = site.manage_here(
        command, "--json", "--campaign", campaign, "--places", str(places), "--fewest", str(fewest), "--seed",
        str(seed), "--by", "maintainer", *more,
    )  # fmt: skip
    return int(answer["sample"])


def _people_look(
    site: Site,
    maintainer: ApiSession,
    people: list[ApiSession],
    *,
    campaign: str,
    sample: int,
    truths: tuple[TruthMosaic, ...],
) -> None:
    """Each place is seen by two of several people; the maintainer settles what they see differently, and closes."""
    site.say(f"People look at the places of sample {sample}")

    def answering(number: int, session: ApiSession) -> Callable[[], object]:
        eyes = Eyes(truths, np.random.default_rng([sample, number]))
        return lambda: answer_sample(session, sample=sample, eyes=eyes)

    all_at_once([answering(number, session) for number, session in enumerate(people)])
    settler = Eyes(truths, np.random.default_rng([sample, len(people)]))
    answer_sample(maintainer, sample=sample, eyes=settler, settles=True)
    maintainer.fill_in(f"/campaigns/{campaign}/sample/", {"sample": str(sample), "as_it_is": "1"})


def _people_answer(site: Site, maintainer: ApiSession, people: list[ApiSession], both: Vintages, *, seed: int) -> None:
    """A round of questions where the two maps differ; some are answered, the others wait for whoever signs in.

    Answers of newcomers that would correct a published map wait for a reviewer's word: the maintainer gives some.
    """
    site.manage_here("ask_about_change", both.campaign, "--first", both.earlier, "--seed", str(seed))
    done = 0
    for number in range(CHANGE_TILES):
        eyes = Eyes(both.truths, np.random.default_rng([seed, number]))
        done += answer_changes(people[number % len(people)], campaign=both.campaign, eyes=eyes, tiles=1)
        site.progress(f"people: {done} questions about change answered")
    settled = settle_changes(maintainer, campaign=both.campaign, truths=both.truths, most=SETTLED)
    site.progress(f"people: {done} questions about change answered, {settled} settled by the maintainer")
    site.progress_done()


# --- figures ---


def _counted(site: Site, session: ApiSession, campaign: str) -> dict[str, Any]:
    """The commune's figures of a campaign, when all are assessed."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        body = session.call("GET", f"territories/{KIND}/{CODE}/figures/").body
        for figures in body["figures"]:
            parts = [figures["area"], *figures["changes"]]
            is_whole = all(part["status"] == "assessed" for part in parts) and figures["changes"]
            if figures["campaign"]["slug"] == campaign and is_whole and figures["artificialisation"]["kind"] != "none":
                site.progress_done()
                found: dict[str, Any] = figures
                return found
        site.progress("figures of the commune are being counted")
        time.sleep(0.5)
    raise RuntimeError(f"the figures of {KIND} {CODE} are not all there after {PATIENCE_S:.0f} s: {body}")


def true_flow(both: Vintages) -> dict[str, tuple[float, float]]:
    """What truly changed in the commune, in ha: of gain and of loss what is certain by cover, and what is possible."""
    counted = counted_classes(Campaign.objects.get(slug=both.campaign))
    commune = json.loads((both.folder / "commune.geojson").read_text(encoding="utf-8"))["features"][0]["geometry"]
    read = []
    for path in both.paths:
        with rasterio.open(path, driver="GTiff") as file:
            outline = rasterio.warp.transform_geom("EPSG:4326", file.crs, commune)
            inside = rasterio.features.geometry_mask(
                [outline], out_shape=file.shape, transform=file.transform, invert=True
            )
            read.append(file.read(1)[inside].astype(np.int64))
            ha = abs(file.transform.a * file.transform.e) / 10_000
    pairs, pixels = np.unique(read[0] * 256 + read[1], return_counts=True)
    first, second = ([CLASS_CODES[int(value)] for value in values] for values in (pairs // 256, pairs % 256))
    least, most = change_of(first, second, counted=counted)

    def area(shows: NDArray[np.bool_]) -> float:
        return float(pixels[shows].sum()) * ha

    return {"gain": (area(least == 1), area(most == 1)), "loss": (area(most == -1), area(least == -1))}


def told(figures: Mapping[str, Any], *, truth: Mapping[str, tuple[float, float]], url: str, campaign: str) -> list[str]:
    """What is known of the commune, and where to look."""
    change = figures["changes"][0]
    found, shift = change["found"], change["shift"]
    lines = ["", f"{'ha in the commune':<34}{'truth':>8}{'maps':>8}{'sample':>8}  95 % interval"]
    names = {"gain": "became artificialised", "loss": "given back"}
    for key, name in names.items():
        mapped = f"{found[f'mapped_{key}_ha']:.2f}"
        for at, (bound, words) in enumerate((("lower", "at least"), ("upper", "at most"))):
            one = found[key]["ha"][bound]
            span = f"{one['lower']:.2f} to {one['upper']:.2f}"
            told_by_maps = "" if at else mapped
            lines.append(f"{f'{name}, {words}':<34}{truth[key][at]:>8.2f}{told_by_maps:>8}{one['value']:>8.2f}  {span}")
    if shift:
        apart = np.hypot(shift["east_m"], shift["south_m"])
        lines.append(f"The two images lie {apart:.2f} m apart as measured, {np.hypot(*SHIFT_M):.2f} m in truth.")
    return [
        *lines,
        f"{change['patches']} patches correct the earlier map; they are in no flow.",
        "",
        f"A commune's figures   {url}/territories/{KIND}/{CODE}/",
        f"How they are made     {url}/method/",
        f"Questions of change   {url}/campaigns/{campaign}/change/   (signed in)",
        f"Samples, land use     {url}/campaigns/{campaign}/sample/   {url}/campaigns/{campaign}/usage/",
        "",
    ]
