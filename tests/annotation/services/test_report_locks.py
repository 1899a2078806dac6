"""A correction takes the place of older labels while somebody decides about these: one waits, nobody in a circle."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import scenes
from queue_rows import at_once, until_somebody_waits
from report_rows import accept, draw, report

from annotation.errors import CannotSplit
from annotation.models import Annotation, PlaceReport
from annotation.services import report_desk, report_following
from annotation.services.annotations import submit_annotation
from annotation.services.gold import mark_gold
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.report_desk import answer_report, assign_report
from annotation.services.reverts import Scope, revert_batch
from annotation.services.splitting import split_tile

pytestmark = pytest.mark.django_db(transaction=True)


class Corrected:
    """A tile whose accepted labels (of ana) were reported, and a correction (of berta) that waits for a review, or to
    be handed in where that is enough.
    """

    def __init__(self, *, reviewed: bool = True) -> None:
        policy = {} if reviewed else {"review_policy": "none", "first_reviewed": 0}
        self.campaign = scenes.campaign(tile_px=128, first_round=200, **policy)
        self.ana, self.berta, self.rene, self.boss = (scenes.person(name) for name in ("ana", "berta", "rene", "boss"))
        set_role(campaign=self.campaign, user=self.boss, role="maintainer")
        self.old = draw(self._next_for(self.ana), self.ana)
        if reviewed:
            accept(self.old, self.rene)
        self.report: PlaceReport = report(self.old.tile)
        assign_report(report_id=self.report.public_id, actor=self.boss)
        self.new = draw(self._next_for(self.berta), self.berta, submit=reviewed)
        assert self.new.tile_id == self.old.tile_id and self.old.state == "accepted"

    def _next_for(self, someone: Any) -> Any:
        lease = claim_next_tile(campaign=self.campaign, annotator=someone)
        assert lease is not None
        return lease.tile

    def hand_in(self) -> None:
        submit_annotation(
            tile=self.new.tile, annotator=self.berta, operation_id=uuid.uuid4(), expected_version=self.new.version
        )

    def set_aside(self, someone: Any) -> None:
        revert_batch(scope=Scope(account=someone, campaign=self.campaign), actor=self.boss, reason="test")

    def mark(self) -> None:
        mark_gold(campaign=self.campaign, annotation_id=self.old.pk, actor=self.boss)

    def split(self) -> None:
        with pytest.raises(CannotSplit):  # somebody has drawn; but that is known once the labels are locked
            split_tile(tile=self.old.tile, actor=self.boss, expected_version=0)

    def settled(self) -> tuple[str, str, Annotation | None]:
        """States of both labels, and what the report says corrected it."""
        for row in (self.old, self.new, self.report):
            row.refresh_from_db()
        return self.old.state, self.new.state, self.report.fix


@pytest.fixture
def corrected() -> Corrected:
    return Corrected()


def meeting(
    monkeypatch: Any, module: Any, one: Callable[[], Any], other: Callable[[], Any], *, after: bool
) -> list[str]:
    """`one` closes a report as fixed and stops there, before or after it has, until `other` waits for a lock."""
    holds, waits = threading.Event(), threading.Event()
    close = module.close_as_fixed

    def slowly(*args: Any, **more: Any) -> None:
        if after:
            close(*args, **more)
        holds.set()
        assert waits.wait(30)
        if not after:
            close(*args, **more)

    def then() -> None:
        assert holds.wait(30)
        other()

    monkeypatch.setattr(module, "close_as_fixed", slowly)
    return at_once(one, then, lambda: until_somebody_waits(holds, waits))


def test_a_correction_is_accepted_while_the_labels_it_corrects_are_set_aside(
    corrected: Corrected, monkeypatch: Any
) -> None:
    here = corrected
    met = meeting(
        monkeypatch,
        report_following,
        lambda: accept(here.new, here.rene),
        lambda: here.set_aside(here.ana),
        after=False,
    )
    assert met == []
    assert here.settled() == ("reverted", "accepted", here.new)
    assert list(Annotation.objects.usable_as_labels()) == [here.new]


def test_a_correction_that_counts_at_once_is_handed_in_while_the_labels_it_corrects_are_set_aside(
    monkeypatch: Any,
) -> None:
    here = Corrected(reviewed=False)
    assert meeting(monkeypatch, report_following, here.hand_in, lambda: here.set_aside(here.ana), after=False) == []
    assert here.settled() == ("reverted", "accepted", here.new)


@pytest.mark.parametrize("other", ["mark", "split"])
def test_a_correction_is_accepted_while_the_labels_it_corrects_become_gold_or_the_tile_is_to_be_split(
    corrected: Corrected, monkeypatch: Any, other: str
) -> None:
    here = corrected
    met = meeting(monkeypatch, report_following, lambda: accept(here.new, here.rene), getattr(here, other), after=False)
    assert met == []
    assert here.settled() == ("accepted", "accepted", here.new)


def test_a_report_is_called_corrected_while_the_correction_is_set_aside(monkeypatch: Any) -> None:
    """Once the steward's answer is written, their transaction still has to see that the correction is there."""
    campaign, boss = scenes.campaign(tile_px=128, first_round=200), scenes.person("boss")
    set_role(campaign=campaign, user=boss, role="maintainer")
    ana, rene = scenes.person("ana"), scenes.person("rene")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    drawn_before = draw(lease.tile, ana)
    made = report(lease.tile)
    accept(drawn_before, rene)
    met = meeting(
        monkeypatch,
        report_desk,
        lambda: answer_report(report_id=made.public_id, actor=boss, answer="fixed", words="They had drawn it already."),
        lambda: revert_batch(scope=Scope(account=ana, campaign=campaign), actor=boss, reason="test"),
        after=True,
    )
    assert met == []
    made.refresh_from_db()
    drawn_before.refresh_from_db()
    assert drawn_before.state == "reverted"
    assert (made.state, made.answer, made.fix) == ("assigned", "", None), "its correction counts no longer: it waits"
