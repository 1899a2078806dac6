"""Simulated people who look at two dates: they answer the places of samples and the questions about change."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotation.core.features import parse_features
from annotation.core.labels import rasterize_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.api import ApiSession
    from demo.truth import TruthMosaic

#: Of a person's answers: a class misread, and a place where nothing can be told.
ERRS, CANNOT_TELL = 0.02, 0.01
#: How many places are asked for at a time.
PLACES_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Eyes:
    """What one person sees: the truth of each date, in the order of time, and now and then something else.

    Args: truths: on the later layer's grid, of one date or two.
    """

    truths: Sequence[TruthMosaic]
    rng: np.random.Generator

    def at(self, *, x_px: int, y_px: int, side_px: int) -> list[str | None]:
        """Class of a square at each date, what covers most of it; None where the person cannot tell."""
        if self.rng.random() < CANNOT_TELL:
            return [None] * len(self.truths)
        seen = [most_of(truth.window(x_px=x_px, y_px=y_px, size_px=side_px), truth) for truth in self.truths]
        if self.rng.random() >= ERRS or None in seen:
            return list(seen)
        # Side by side, a misread class is misread twice where it is the same.
        wrong = str(self.rng.choice(sorted(self.truths[0].class_codes.values())))
        return [wrong if code == seen[-1] else code for code in seen]


def most_of(values: NDArray[np.uint8], truth: TruthMosaic) -> str | None:
    """Code of what covers most of some pixels of a truth; None where nothing is known."""
    counts = np.bincount(values[values > 0].ravel(), minlength=1)
    return truth.class_codes[int(counts.argmax())] if counts.any() else None


def answer_sample(session: ApiSession, *, sample: int, eyes: Eyes, settles: bool = False) -> int:
    """Answer the places of a sample that want this person's answer, or settle those that others see differently.

    Returns: how many were answered.
    """
    done = 0
    kind = "settled" if settles else "answers"
    while True:
        asked = session.call("POST", f"samples/{sample}/next/", {"settle": settles, "most": PLACES_AT_ONCE}).body
        if not asked["units"]:
            return done
        for unit in asked["units"]:
            window = unit["windows"][-1]
            x_px, y_px = window["origin_px"]
            codes = eyes.at(x_px=x_px, y_px=y_px, side_px=window["side_px"])
            body = {"operation_id": str(uuid.uuid4()), "codes": codes, "sureness": "sure"}
            session.call("POST", f"samples/{sample}/units/{unit['id']}/{kind}/", body)
            done += 1


def answer_changes(session: ApiSession, *, campaign: str, eyes: Eyes, tiles: int) -> int:
    """Answer every question on some tiles, as `said_of` does. Returns: how many questions were answered."""
    done = 0
    for _ in range(tiles):
        tasks = session.call("POST", f"campaigns/{campaign}/change/next/", {"wanted": 1}).body["tasks"]
        if not tasks:
            break
        task = tasks[0]
        answers = [said_of(cell, tile=task["tile"], truths=eyes.truths) for cell in task["cells"]]
        body = {"operation_id": str(uuid.uuid4()), "answers": answers}
        session.call("POST", f"change-tickets/{task['ticket']}/answers/", body)
        done += len(answers)
    return done


def settle_changes(session: ApiSession, *, campaign: str, truths: Sequence[TruthMosaic], most: int) -> int:
    """Settle questions that wait for a reviewer's word, at most so many. Returns: how many were settled."""
    for done in range(most):
        answer = session.call("GET", f"campaigns/{campaign}/change/reviews/next/")
        if answer.status == 204:
            return done
        cell = answer.body["cell"]
        said = said_of(cell, tile=answer.body["tile"], truths=truths)
        del said["feature_id"]
        session.call("POST", f"change-cells/{cell['id']}/review/", said)
    return most


def said_of(cell: Mapping[str, Any], *, tile: Mapping[str, Any], truths: Sequence[TruthMosaic]) -> dict[str, Any]:
    """What somebody who sees the truth of two dates says of a piece of ground, as the API takes it."""
    first, second = (_within(cell, tile=tile, truth=truth) for truth in truths)
    said = {"feature_id": str(cell["id"]), "verdict": "unsure", "first_code": "", "second_code": ""}
    if first is None or second is None:
        return said
    if first != second:
        return {**said, "verdict": "changed", "first_code": first, "second_code": second}
    if cell["first_code"] not in ("", first) and cell["second_code"] == second:
        return {**said, "verdict": "first_wrong", "first_code": first}
    if cell["second_code"] not in ("", second) and cell["first_code"] == first:
        return {**said, "verdict": "second_wrong", "second_code": second}
    return {**said, "verdict": "unchanged", "first_code": first, "second_code": second}


def _within(cell: Mapping[str, Any], *, tile: Mapping[str, Any], truth: TruthMosaic) -> str | None:
    """What covers most of a cell."""
    size = tile["tile_px"]
    feature = {"id": "1", "class_code": "cell", "rings": cell["rings"]}
    parsed = parse_features([feature], tile_px=size, class_codes={"cell"})
    inside = rasterize_features(parsed, tile_px=size, class_index={"cell": 1}) > 0
    seen = truth.window(x_px=tile["origin_px"][0], y_px=tile["origin_px"][1], size_px=size)
    return most_of(seen[inside], truth)


def all_at_once(jobs: Sequence[Callable[[], object]]) -> None:
    """Do each in a thread of its own. Raises: the first error of any, when all have ended."""
    failures: list[Exception] = []

    def guarded(job: Callable[[], object]) -> None:
        try:
            job()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"the people who look at two dates stopped: {failures[0]}") from failures[0]
