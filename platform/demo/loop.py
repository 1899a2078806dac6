"""Turn the whole loop, over HTTP, as people would: label, review, retrain, predict, choose, publish."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotation.core.nomenclature import load_nomenclature
from annotation.raster.ingest import inspect_sources
from demo.api import ApiSession
from demo.contributors import Board, Contributor, Reviewer
from demo.earlier import generate_vintages
from demo.options import DemoOptions, DemoResult, RoundFigures, table
from demo.site import Site
from demo.territory import CLASS_CODES, drawn_on
from demo.truth import Hand, TruthMosaic
from demo.vintages import earlier_folder, show_change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: A round that has not ended by then is a fault, not slowness.
ROUND_LIMIT_S = 900.0
#: The whole hold-out is labelled in the first round: up to three control tiles for one of the pool.
CONTROL_SHARE = 0.75
HOLDOUT_SHARE = 0.12
LEFT_TO_REVIEW = 3


def run_demo(options: DemoOptions) -> DemoResult:
    """Run the demonstration from a stopped or running site to a verified release; the site stays up.

    Each run opens a new campaign (`demo`, `demo-2`, …); imagery already imported is used again. Raises
    RuntimeError when a step fails, with what it said.
    """
    began = time.monotonic()
    site = Site(root=options.root, port=options.port)
    site.start()
    accounts = site.manage("create_demo_accounts", "--contributors", str(options.contributors))
    site.manage("load_nomenclatures", "--json")
    maintainer = _signed_in(site, accounts, "maintainer")
    layer, truth = _import(site, maintainer, options)
    slug = _free_slug(maintainer)
    _open_campaign(site, options, slug=slug, layer=layer)
    lines: list[RoundFigures] = []
    for number in range(1, options.rounds + 1):
        site.say(f"Round {number} of {options.rounds}")
        wanted = int(_newest_round(maintainer, slug)["tickets"])
        _people_work(site, campaign=slug, accounts=accounts, truth=truth, wanted=wanted, seed=options.seed)
        lines.append(_machine_works(site, maintainer, slug=slug))
    print(table(lines), flush=True)
    change = _show_change(site, options, slug=slug, layer=layer, accounts=accounts)
    release = site.manage("publish_release", "--json", "--campaign", slug)
    checked = site.manage("verify_release", "--json", release["path"], allow_failure=True)
    _leave_some_to_review(site, campaign=slug, accounts=accounts, truth=truth, seed=options.seed)
    result = DemoResult(
        rounds=tuple(lines),
        release_artefacts=int(release["artefacts"]),
        release_faults=len(checked["faults"]),
        loop_seconds=round(time.monotonic() - began, 1),
        url=site.url,
    )
    _farewell(site, slug=slug, release=release, accounts=accounts, result=result, change=change)
    return result


# --- what the loop turns on ---


def _import(site: Site, session: ApiSession, options: DemoOptions) -> tuple[str, TruthMosaic]:
    """Short name of the imagery layer, imported or already there, and the truth on its grid."""
    transform = [float(part) for part in options.transform.replace(",", " ").split()] or None
    if options.imagery:
        images, labels = _expand(options.imagery), _expand(options.labels)
        slug = f"demo-{_fingerprint(images, options)}"
        title, licence = f"Imagery of {images[0].name}", "other"
        attribution = options.attribution or "as the imagery's own terms say"
    else:
        slug = f"demo-territory-{options.seed}-{options.size_px}"
        site.say(f"Drawing a territory of {options.size_px} x {options.size_px} pixels")
        folder = options.root / "var" / "demo" / slug
        image, label = generate_vintages(
            folder, earlier_folder(options, slug), seed=options.seed, size_px=options.size_px
        )
        images, labels = [image], [label]
        title, licence, attribution = "A generated territory", "etalab-2.0", "Solcommun, generated imagery"
    if session.finds(f"/imagery/{slug}/native/0/0/0.jpg"):
        site.say(f"Imagery layer {slug} is there already")
    else:
        dated = [] if options.imagery else ["--date", drawn_on(options.vintage)]
        placed = ["--crs", options.crs, f"--transform={options.transform}"] if options.crs else []
        site.manage(
            "import_imagery", "--json", "--layer", slug, "--title", title, "--licence", licence,
            "--vintage", str(options.vintage), "--attribution", attribution, *placed, *dated, *map(str, images),
        )  # fmt: skip
    grid = inspect_sources(images, crs=options.crs or None, transform=transform).grid
    codes = _class_codes(options) if options.imagery else CLASS_CODES
    return slug, TruthMosaic(labels, transform=grid.transform, class_codes=codes)


def _class_codes(options: DemoOptions) -> dict[int, str]:
    """Raster value → class code, from the nomenclature's own raster values."""
    path = options.root / "annotation" / "nomenclatures" / f"{options.nomenclature}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.json")))
        raise RuntimeError(f"there is no nomenclature {options.nomenclature!r}: choose one of {known}")
    classes = load_nomenclature(path).classes
    codes = {item.raster_value: item.code for item in classes if item.raster_value}
    if not codes:
        raise RuntimeError(f"{options.nomenclature} gives its classes no raster value: LABELS cannot be read")
    return codes


def _expand(patterns: Sequence[str]) -> list[Path]:
    """Paths of patterns in the order given, each pattern's own in name order."""
    found: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        matches = sorted(path.parent.glob(path.name))
        if not matches:
            raise RuntimeError(f"no file matches {pattern!r}: paths are read from {Path.cwd()}")
        found += [match.resolve() for match in matches]
    return found


def _fingerprint(images: Sequence[Path], options: DemoOptions) -> str:
    """Ten characters that stand for these files as they are now, placed as asked."""
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in images]
    told = repr((stats, options.crs, options.transform, options.vintage, options.attribution))
    return hashlib.sha256(told.encode()).hexdigest()[:10]


def _open_campaign(site: Site, options: DemoOptions, *, slug: str, layer: str) -> None:
    place = "imagery given" if options.imagery else "generated territory"
    site.manage(
        "open_campaign", slug, "--json", "--title", f"Demonstration, {place} ({slug})", "--layer", layer,
        "--nomenclature", options.nomenclature, "--tile-px", str(options.tile_px),
        "--first-round", str(options.first_tiles), "--control-share", str(CONTROL_SHARE),
        "--holdout-share", str(HOLDOUT_SHARE), "--seed", str(options.seed), "--maintainer", "maintainer",
    )  # fmt: skip
    site.manage("set_role", slug, "reviewer", "reviewer")
    # Off: the loop asks for each training itself, when the round's tiles are accepted.
    site.manage(
        "schedule_retraining", "--json", "--campaign", slug, "--off",
        "--round-size", str(options.round_tiles),
        "--set", f"steps={options.training_steps}", "--set", "crop_px=128",
    )  # fmt: skip


def _free_slug(session: ApiSession) -> str:
    taken = {row["slug"] for row in session.call("GET", "campaigns/").body}
    number = 1
    while (slug := "demo" if number == 1 else f"demo-{number}") in taken:
        number += 1
    return slug


# --- one turn ---


def _people_work(
    site: Site, *, campaign: str, accounts: Mapping[str, str], truth: TruthMosaic, wanted: int, seed: int
) -> None:
    """Contributors and a reviewer, each in a thread with their own session, until the round is accepted."""
    board = Board(wanted=wanted)
    jobs: list[Callable[[], None]] = [
        Contributor(
            _signed_in(site, accounts, name), campaign=campaign, truth=truth, board=board,
            hand=Hand.of(name, seed=seed),
        ).work
        for name in sorted(accounts)
        if name.startswith("contributor")
    ]  # fmt: skip
    reviewer = _signed_in(site, accounts, "reviewer")
    jobs.append(Reviewer(reviewer, campaign=campaign, truth=truth, board=board).work)
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        site.progress(
            f"people: {board.accepted} of {wanted} tiles accepted, {board.submitted} submissions, "
            f"{board.sent_back} sent back"
        )
        if time.monotonic() - began > ROUND_LIMIT_S and not board.stop.is_set():
            board.fail(TimeoutError(f"{board.accepted} of {wanted} tiles in {ROUND_LIMIT_S:.0f} s"))
    site.progress_done()
    if board.failures:
        raise RuntimeError(f"the simulated people stopped: {board.failures[0]}") from board.failures[0]


def _show_change(site: Site, options: DemoOptions, *, slug: str, layer: str, accounts: Mapping[str, str]) -> list[str]:
    """Two dates and a commune: of the territory that is drawn here alone, since imagery that is given has one date."""
    if options.imagery:
        return []
    return show_change(
        site, options, campaign=slug, layer=layer, signed_in=lambda name: _signed_in(site, accounts, name)
    )


def _leave_some_to_review(
    site: Site, *, campaign: str, accounts: Mapping[str, str], truth: TruthMosaic, seed: int
) -> None:
    """A few submissions wait for whoever signs in as the reviewer."""
    name = "contributor1"
    contributor = Contributor(
        _signed_in(site, accounts, name), campaign=campaign, truth=truth, board=Board(wanted=LEFT_TO_REVIEW),
        hand=Hand.of(name, seed=seed),
    )  # fmt: skip
    for _ in range(LEFT_TO_REVIEW):
        contributor.label_one()


def _machine_works(site: Site, maintainer: ApiSession, *, slug: str) -> RoundFigures:
    """Train, evaluate, predict, open the next round: wait for each job, then read what the round says.

    A model that is held back or rejected is an outcome like another: the round is then opened from the earlier map, or
    at random.
    """
    before = _newest_round(maintainer, slug)["number"]
    began = time.monotonic()
    started = maintainer.call("POST", f"campaigns/{slug}/training-runs/", {"force": True}).body
    job_id: str | None = started["job"]["id"]
    while job_id is not None:
        job = maintainer.call("GET", f"jobs/{job_id}/").body
        site.progress(f"{job['kind']}: {100 * job['progress']:.0f} % {job['message']}")
        if job["state"] in {"failed", "cancelled"}:
            raise RuntimeError(f"job {job['kind']} {job['state']}: {job['error'] or job['message']}")
        if job["state"] == "succeeded":
            outcome = job["result"]
            if outcome.get("state") in {"held", "rejected"}:
                site.progress_done()
                site.say(f"{outcome['model']} is not published. {outcome['reason']}")
            # A training names the map it asked for; the map opens the round.
            job_id = outcome.get("prediction_job")
        elif time.monotonic() - began > ROUND_LIMIT_S:
            raise RuntimeError(f"job {job['kind']} is still {job['state']} after {ROUND_LIMIT_S:.0f} s")
        else:
            time.sleep(0.5)
    site.progress_done()
    opened = _newest_round(maintainer, slug)
    if opened["number"] == before:
        raise RuntimeError(f"no round was opened in {slug} after training: {outcome}")
    return RoundFigures(
        labelled_tiles=opened["labelled_tiles"],
        holdout_miou=opened["holdout_miou"],
        mean_entropy_nats=opened["mean_entropy_nats"],
        promoted=opened["promoted"],
    )


def _newest_round(session: ApiSession, slug: str) -> dict[str, Any]:
    rounds = session.call("GET", f"campaigns/{slug}/rounds/").body
    newest: dict[str, Any] = max(rounds, key=lambda row: row["number"])
    return newest


def _signed_in(site: Site, accounts: Mapping[str, str], name: str) -> ApiSession:
    session = ApiSession(site.url)
    session.sign_in(name, accounts[name])
    return session


def _farewell(
    site: Site,
    *,
    slug: str,
    release: Mapping[str, Any],
    accounts: Mapping[str, str],
    result: DemoResult,
    change: Sequence[str],
) -> None:
    faults = "no fault" if not result.release_faults else f"{result.release_faults} FAULTS"
    print(f"Release {release['version']}: {result.release_artefacts} artefacts, {faults} ({release['path']})")
    for line in change:
        print(line)
    print(f"The site is up: {site.url}/campaigns/{slug}/")
    for name in ("annotator", "reviewer", "maintainer"):
        print(f"  sign in as {name:<10} password {accounts[name]}")
    print(result.as_line(), flush=True)
