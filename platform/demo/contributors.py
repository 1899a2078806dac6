"""Simulated people at work: claim, label in a few saves, submit; review, send back, correct."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from annotation.core.features import parse_features
from annotation.core.labels import polygonize_labels, rasterize_features
from demo.api import ApiError, ApiSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from demo.truth import Hand, TruthMosaic

#: A reviewer accepts from this agreement with what they see, and from this share of the ground labelled.
ACCEPTED_AGREEMENT = 0.86
ACCEPTED_COVER = 0.90
_PAUSE_S = 0.4


@dataclass(slots=True)
class Board:
    """What the people of one round share: how many tiles are wanted and where each one is.

    Counters only move under the lock. `stop` ends everyone's work, `failures` holds what went wrong.
    """

    wanted: int
    started: int = 0
    submitted: int = 0
    sent_back: int = 0
    corrected: int = 0
    accepted: int = 0
    exhausted: bool = False
    failures: list[BaseException] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def may_start(self) -> bool:
        """Take the right to begin one more tile, if the round still wants some."""
        with self.lock:
            if self.exhausted or self.started >= self.wanted:
                return False
            self.started += 1
            return True

    def give_back(self, *, nothing_left: bool = False) -> None:
        """Return a right that was not used; nothing_left when the queue was empty."""
        with self.lock:
            self.started -= 1
            self.exhausted = self.exhausted or nothing_left

    def count(self, outcome: str) -> None:
        """Add one to `submitted`, `sent_back`, `corrected` or `accepted`."""
        with self.lock:
            setattr(self, outcome, getattr(self, outcome) + 1)

    def fail(self, error: BaseException) -> None:
        """Remember what stopped someone, and stop everyone."""
        self.failures.append(error)
        self.stop.set()

    @property
    def something_came_back(self) -> bool:
        """Whether a tile sent back still waits for its author."""
        return self.sent_back > self.corrected

    @property
    def done(self) -> bool:
        """Whether every tile begun is accepted and none is left to begin."""
        with self.lock:
            return self.accepted >= self.started and (self.exhausted or self.started >= self.wanted)


class Contributor:
    """One annotator in the browser's place. Their labels come from the truth through their own hand."""

    def __init__(self, session: ApiSession, *, campaign: str, truth: TruthMosaic, hand: Hand, board: Board) -> None:
        """The session is already signed in and belongs to this contributor alone."""
        self._session = session
        self._campaign = campaign
        self._truth = truth
        self._hand = hand
        self._board = board

    def work(self) -> None:
        """Label until the round is done: new tiles while some are wanted, then the ones sent back."""
        board = self._board
        try:
            while not board.stop.is_set() and not board.done:
                if not self._correct_one() and not self.label_one():
                    time.sleep(_PAUSE_S)
        except Exception as error:
            board.fail(error)

    def label_one(self) -> bool:
        """Claim the next tile, label it and submit it; False when there is none or the round has enough."""
        if not self._board.may_start():
            return False
        assignment = self._claim()
        if assignment is None:
            self._board.give_back(nothing_left=True)
            return False
        if assignment["why"]["kind"] == "sent_back":
            self._board.give_back()
            return self._correct(assignment)
        if not self._label(assignment, attempt=0):
            self._board.give_back()
        return True

    def _correct_one(self) -> bool:
        """Correct a tile of mine that came back; the queue hands it out before any new one."""
        if not self._board.something_came_back:
            return False
        mine = self._session.call("GET", "me/annotations/").body["results"]
        if not any(row["state"] == "sent_back" and row["campaign"] == self._campaign for row in mine):
            return False
        assignment = self._claim()
        if assignment is not None and assignment["why"]["kind"] == "sent_back":
            return self._correct(assignment)
        return False

    def _correct(self, assignment: dict[str, Any]) -> bool:
        corrected = self._label(assignment, attempt=1)
        self._board.count("corrected")
        return corrected

    def _claim(self) -> dict[str, Any] | None:
        answer = self._session.call("POST", f"campaigns/{self._campaign}/claim/", {"ahead": False})
        assignment: dict[str, Any] | None = answer.body
        return assignment

    def _label(self, assignment: dict[str, Any], *, attempt: int) -> bool:
        """Label one tile from its claim to its submission; False when there was nothing to see on it."""
        began = time.monotonic()
        tile, lease = assignment["tile"], assignment["lease"]["token"]
        seen = self._truth.window(x_px=tile["origin_px"][0], y_px=tile["origin_px"][1], size_px=tile["tile_px"])
        if not seen.any():
            self._session.call("POST", f"leases/{lease}/release/", {"reason": "cannot_tell", "comment": ""})
            return False
        features = self._features(seen, tile=tile, attempt=attempt)
        self._session.call("POST", f"leases/{lease}/heartbeat/")
        etag = f'"{assignment["annotation"]["version"]}"'
        for part in _saves(len(features), hand=self._hand, tile=tile):
            body = {
                "operation_id": str(uuid.uuid4()),
                "lease": lease,
                "features": features[:part],
                "seconds_spent": round(time.monotonic() - began, 1),
                "draft_model": None,
            }
            etag = self._session.call("PUT", f"tiles/{tile['id']}/annotation/", body, if_match=etag).etag
        operation = {"operation_id": str(uuid.uuid4())}
        self._session.call("POST", f"tiles/{tile['id']}/annotation/submit/", operation, if_match=etag)
        self._board.count("submitted")
        return True

    def _features(self, seen: NDArray[np.uint8], *, tile: dict[str, Any], attempt: int) -> list[dict[str, Any]]:
        codes = self._truth.class_codes
        labels = self._hand.draw(seen, class_codes=codes, place=(tile["row"], tile["col"]), attempt=attempt)
        drawn = polygonize_labels(labels, class_codes=codes, min_area_px=12, simplify_px=1.0)
        return [feature.as_json() for feature in drawn]


class Reviewer:
    """One reviewer: looks at each submission, accepts it or sends it back with a reason."""

    def __init__(self, session: ApiSession, *, campaign: str, truth: TruthMosaic, board: Board) -> None:
        """The session is already signed in and belongs to this reviewer alone."""
        self._session = session
        self._campaign = campaign
        self._truth = truth
        self._board = board
        self._seen_twice: set[int] = set()

    def work(self) -> None:
        """Review until the round is done."""
        try:
            while not self._board.stop.is_set() and not self._board.done:
                if not self._review_one():
                    time.sleep(_PAUSE_S)
        except Exception as error:
            self._board.fail(error)

    def _review_one(self) -> bool:
        answer = self._session.call("GET", f"campaigns/{self._campaign}/reviews/next/")
        if answer.status == 204:
            return False
        asked, tile = answer.body, answer.body["tile"]
        seen = self._truth.window(x_px=tile["origin_px"][0], y_px=tile["origin_px"][1], size_px=tile["tile_px"])
        reason = reason_to_send_back(asked["annotation"]["features"], seen, class_codes=self._truth.class_codes)
        if tile["id"] in self._seen_twice:
            # The second version is the author's best: the reviewer takes it.
            reason = ""
        self._seen_twice.add(tile["id"])
        verdict = {
            "operation_id": str(uuid.uuid4()),
            "verdict": "send_back" if reason else "accept",
            "reason": reason,
            "comment": _COMMENTS[reason],
        }
        version = f'"{asked["annotation"]["version"]}"'
        try:
            self._session.call("POST", f"annotations/{asked['annotation_id']}/reviews/", verdict, if_match=version)
        except ApiError as error:
            # Someone saved in between (412) or another reviewer was first (409): take the next one.
            if error.status in {409, 412}:
                return True
            raise
        self._board.count("sent_back" if reason else "accepted")
        return True


_COMMENTS = {
    "": "",
    "incomplete": "Some ground is still without a class.",
    "class": "Several places do not have the class they show.",
}


def reason_to_send_back(
    features: list[dict[str, Any]], seen: NDArray[np.uint8], *, class_codes: Mapping[int, str]
) -> str:
    """Judge features against a truth window (uint8, 0 = unknown): "" to accept, or the reason of the API."""
    tile_px = seen.shape[0]
    parsed = parse_features(features, tile_px=tile_px, class_codes=set(class_codes.values()))
    values = {code: value for value, code in class_codes.items()}
    labels = rasterize_features(parsed, tile_px=tile_px, class_index=values)
    known = seen > 0
    labelled = known & (labels > 0)
    if labelled.sum() < ACCEPTED_COVER * known.sum():
        return "incomplete"
    agreement = float((labels[labelled] == seen[labelled]).mean()) if labelled.any() else 1.0
    return "" if agreement >= ACCEPTED_AGREEMENT else "class"


def _saves(count: int, *, hand: Hand, tile: dict[str, Any]) -> list[int]:
    """How many features each save holds: one to three saves, the last one with all of them."""
    rng = np.random.default_rng([hand.seed, tile["row"], tile["col"]])
    parts = int(rng.integers(1, 4))
    return sorted({max(1, count * step // parts) for step in range(1, parts)} | {count})
