"""Importing files as a layer of cells: who writes which cell, what is done already, and the one rename at the end.

This side opens no raster. Every step that does runs in a sandbox; a cell is a process of its own, so as many can run at
once as the machine has room for, and an import that was interrupted goes on with the cells that are missing.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from annotation.raster import plans
from annotation.raster.cell_writer import PLAN_NAME, WORK_DIR, write_json
from annotation.raster.cells import (
    ANALYSIS_DIR,
    CELL_PX,
    DISPLAY_DIR,
    ORIGIN_DIR,
    Cell,
    CellFiles,
    CellGrid,
    CellIndex,
    cell_name,
)
from annotation.raster.errors import UnusableRaster
from annotation.raster.ingest import partial_folder
from annotation.raster.layer_files import DESCRIPTION_NAME, INDEX_NAME, LayerFiles, Stretch, flush_to_disk, sha256_of
from annotation.raster.sandbox import DEFAULT_LIMITS, SandboxLimits, run_in_sandbox
from annotation.raster.sources import SourceReport

ANALYSIS_SHARE, JOIN_SHARE = 0.6, 0.03
REPORT_EVERY_S = 0.5
WRITER, JOINER = "annotation.raster.cell_writer", "annotation.raster.cell_join"

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The version of the layer beneath an import.

    `days` is `ground.day_number` of each of its sources, by number, and of 0 for pixels of which no file says the
    source; `sole` is that source's number where there was only one.
    """

    files: LayerFiles
    days: Mapping[int, int]
    sole: int = 0


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes write cells at once, and what each may use."""

    processes: int = 1
    limits: SandboxLimits = DEFAULT_LIMITS
    require_isolation: bool = True


def import_cells(
    plan: Mapping[str, Any],
    *,
    out_dir: Path,
    cell_px: int = CELL_PX,
    earlier: Earlier | None = None,
    workers: Workers = Workers(),
    progress: Progress = lambda share, message: None,
) -> LayerFiles:
    """Write a layer of cells into `out_dir`, which appears complete or not at all.

    What an interrupted import of the same files left is gone on with; files that changed are started over. Cells that
    no file touches are those of the earlier version, as links to the same bytes. `progress` may raise: the processes
    are stopped, and what they finished stays for the next attempt.

    Args: plan: made by `plans.plan_import`.
    Raises: UnusableRaster and its subclasses (nothing is left), and the errors of `run_in_sandbox`.
    """
    target = out_dir.absolute()
    if (target / DESCRIPTION_NAME).exists():
        return LayerFiles.load(target)
    run = _Run(plan, target, cell_px=cell_px, earlier=earlier, workers=workers, progress=progress)
    try:
        return run.do()
    except UnusableRaster:
        shutil.rmtree(run.work_folder, ignore_errors=True)
        raise


class _Run:
    """One attempt at an import."""

    def __init__(
        self,
        plan: Mapping[str, Any],
        target: Path,
        *,
        cell_px: int,
        earlier: Earlier | None,
        workers: Workers,
        progress: Progress,
    ) -> None:
        self.plan, self.target, self.workers, self.progress = plan, target, workers, progress
        self.earlier = earlier
        report = plans.from_json(plan)
        old = None if earlier is None or not earlier.files.is_cells else CellIndex.load(earlier.files.analysis_path)
        self.cells = CellGrid(report.grid.width, report.grid.height, cell_px if old is None else old.grid.cell_px)
        self.wanted = _touched(report, self.cells)
        if earlier is not None and old is None:  # a single file becomes cells, all of them
            self.wanted = list(self.cells.under(0, 0, self.cells.width, self.cells.height))
        self.kept = {} if old is None else {c: files for c, files in old.cells.items() if c not in set(self.wanted)}
        self.report = report
        self.work_folder = partial_folder(target)

    def do(self) -> LayerFiles:
        """Every step that is not done yet, then the rename."""
        self._begin()
        self._each(self.wanted, ".json", self._analysis, begin=0.0, span=ANALYSIS_SHARE, what="Reading the ground")
        joined = self._once("joined.json", f"{JOINER}.join_analysis", ANALYSIS_SHARE)
        measured: Stretch = {name: (low, high) for name, (low, high) in joined["stretch"].items()}
        stretch = measured if self.earlier is None else self.earlier.files.stretch
        made = {cell: self._told(cell, ".json") for cell in self.wanted}
        filled = [cell for cell in self.wanted if made[cell]["analysis"] is not None]
        begin = ANALYSIS_SHARE + JOIN_SHARE
        self._each(
            filled,
            ".display.json",
            partial(self._display, stretch=stretch),
            begin=begin,
            span=0.99 - begin - JOIN_SHARE,
            what="Drawing the pictures",
        )
        shown = self._once("shown.json", f"{JOINER}.join_display", 0.99 - JOIN_SHARE, stretch=stretch)
        files = self._describe(filled, made, stretch, {**joined["sha256"], **shown["sha256"]})
        return self._appear(files)

    def _begin(self) -> None:
        """An empty work folder, or the one that an attempt at the same left."""
        work = self.work_folder / WORK_DIR
        states = [source.path.stat() for source in self.report.files]
        stored = {
            "plan": dict(self.plan),
            "cell_px": self.cells.cell_px,
            "keeps_origin": self.earlier is not None or len(self.report.sources) > 1,
            "before": None if self.earlier is None else {
                "path": str(self.earlier.files.analysis_path),
                "sole": self.earlier.sole,
                "days": [[number, day] for number, day in sorted(self.earlier.days.items())],
            },
            "kept": str(self.earlier.files.folder) if self.earlier is not None and self.kept else None,
            "states": [[state.st_size, state.st_mtime_ns] for state in states],
        }  # fmt: skip
        try:
            same = json.loads((work / PLAN_NAME).read_text("utf-8")) == json.loads(json.dumps(stored))
        except (FileNotFoundError, ValueError):
            same = False
        if same:
            for left in work.glob("*.partial.*"):
                left.unlink(missing_ok=True)
            return
        shutil.rmtree(self.work_folder, ignore_errors=True)
        for name in (WORK_DIR, ANALYSIS_DIR, DISPLAY_DIR, ORIGIN_DIR):
            (self.work_folder / name).mkdir(parents=True)
        for cell in self.kept:
            for name in (ANALYSIS_DIR, DISPLAY_DIR, ORIGIN_DIR):
                _link(self._earlier_folder() / name / cell_name(cell), self.work_folder / name / cell_name(cell))
        write_json(work / PLAN_NAME, stored)

    def _earlier_folder(self) -> Path:
        assert self.earlier is not None  # noqa: S101 (cells are kept of an earlier version only)
        return self.earlier.files.folder

    def _told(self, cell: Cell, ending: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.work_folder / WORK_DIR / (cell_name(cell) + ending)).read_text("utf-8"))
        return told

    def _sandbox(self, function: str, kwargs: Mapping[str, Any], report: Callable[[float], None] | None = None) -> Any:
        return run_in_sandbox(
            function,
            {"folder": str(self.work_folder), **kwargs},
            on_progress=report,
            limits=self.workers.limits,
            require_isolation=self.workers.require_isolation,
        )

    def _analysis(self, cell: Cell, report: Callable[[float], None]) -> None:
        self._sandbox(f"{WRITER}.write_analysis_cell", {"row": cell[0], "col": cell[1]}, report)

    def _display(self, cell: Cell, report: Callable[[float], None], *, stretch: Stretch) -> None:
        given = {name: list(bounds) for name, bounds in stretch.items()}
        self._sandbox(f"{WRITER}.write_display_cell", {"row": cell[0], "col": cell[1], "stretch": given}, report)

    def _once(self, name: str, function: str, share: float, **kwargs: Any) -> dict[str, Any]:
        """A step over all cells, or what it said when it was done."""
        told_at = self.work_folder / WORK_DIR / name
        if not told_at.exists():
            self.progress(share, "Joining the cells")
            write_json(told_at, self._sandbox(function, kwargs))
        told: dict[str, Any] = json.loads(told_at.read_text("utf-8"))
        return told

    def _each(
        self,
        cells: Sequence[Cell],
        ending: str,
        step: Callable[[Cell, Callable[[float], None]], None],
        *,
        begin: float,
        span: float,
        what: str,
    ) -> None:
        """Do a step for every cell that lacks it, several at once."""
        missing = [c for c in cells if not (self.work_folder / WORK_DIR / (cell_name(c) + ending)).exists()]
        shares = _Shares(len(cells), done=len(cells) - len(missing))
        stop = threading.Event()

        def do(cell: Cell) -> None:
            def report(share: float) -> None:
                if stop.is_set():
                    raise _Stopped
                shares.of[cell] = share

            if not stop.is_set():
                step(cell, report)
                shares.of[cell] = 1.0

        with ThreadPoolExecutor(max_workers=self.workers.processes) as pool:
            futures = [pool.submit(do, cell) for cell in missing]
            try:
                _follow(futures, lambda: self.progress(begin + span * shares.share, f"{what}: {shares.told}"))
            finally:
                stop.set()

    def _describe(
        self, filled: Iterable[Cell], made: Mapping[Cell, Any], stretch: Stretch, sha256: Mapping[str, str]
    ) -> LayerFiles:
        """Write the index and the description."""
        files = dict(self.kept)
        for cell in filled:
            told = made[cell]
            files[cell] = CellFiles(
                analysis=told["analysis"],
                display=self._told(cell, ".display.json")["display"],
                origin=told["origin"],
                shown_px=dict(told["shown_px"]),
            )
        index = CellIndex(
            self.cells, self.report.grid.crs, self.report.grid.transform, self.report.bands, self.report.dtype,
            self.report.nodata, files,
        )  # fmt: skip
        write_json(self.work_folder / INDEX_NAME, index.as_json(), by_way_of=self.work_folder / WORK_DIR)
        layer = LayerFiles(
            folder=self.work_folder,
            grid=self.report.grid,
            gsd_m=self.report.gsd_m,
            bands=list(self.report.bands),
            dtype=self.report.dtype,
            nodata=self.report.nodata,
            stretch=stretch,
            sha256={INDEX_NAME: sha256_of(self.work_folder / INDEX_NAME), **sha256},
            notes=list(self.report.notes),
        )
        write_json(self.work_folder / DESCRIPTION_NAME, layer.as_json(), by_way_of=self.work_folder / WORK_DIR)
        return layer

    def _appear(self, files: LayerFiles) -> LayerFiles:
        """One rename, when all of it is durable."""
        shutil.rmtree(self.work_folder / WORK_DIR)
        folders = [self.work_folder / name for name in (ANALYSIS_DIR, DISPLAY_DIR, ORIGIN_DIR)]
        described = [self.work_folder / name for name in (INDEX_NAME, DESCRIPTION_NAME)]
        flush_to_disk([*described, *folders, self.work_folder])
        self.work_folder.rename(self.target)
        flush_to_disk([self.target.parent])
        self.progress(1.0, "The files are in place")
        return replace(files, folder=self.target)


class _Stopped(Exception):
    """Said to a process whose import is over."""


class _Shares:
    """How far the cells of a step are, and how long the rest will take."""

    def __init__(self, total: int, *, done: int) -> None:
        self._total, self._done_before, self._began = total, done, time.monotonic()
        self.of: dict[Cell, float] = {}

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return (self._done_before + sum(list(self.of.values()))) / max(1, self._total)

    @property
    def told(self) -> str:
        """Cells done and minutes left, from the pace of this attempt."""
        now = sum(list(self.of.values()))
        done = self._done_before + sum(1 for share in list(self.of.values()) if share >= 1.0)
        text = f"{done} of {self._total} cells"
        if now <= 0:
            return text
        left_s = (time.monotonic() - self._began) * (self._total - self._done_before - now) / now
        return f"{text}, {time_left(left_s)}"


def time_left(seconds: float) -> str:
    """A duration as a person says it.

    >>> time_left(20), time_left(600), time_left(9000)
    ('less than a minute left', 'about 10 min left', 'about 2 h 30 min left')
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    return f"about {minutes // 60} h {minutes % 60} min left"


def _follow(futures: Sequence[Future[None]], report: Callable[[], None]) -> None:
    """Report until all are done. Raises what the first one that failed raised."""
    pending: set[Future[None]] = set(futures)
    while pending:
        done, pending = wait(pending, timeout=REPORT_EVERY_S, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        report()


def _touched(plan: SourceReport, cells: CellGrid) -> list[Cell]:
    """Cells under the files, by row and column."""
    found: set[Cell] = set()
    for source in plan.sources:
        col, row = source.offset_px
        found.update(cells.under(col, row, col + source.width, row + source.height))
    return sorted(found)


def _link(old: Path, new: Path) -> None:
    """The same bytes under another name; a copy where the file system has no links. Absent stays absent."""
    if not old.exists():
        return
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
