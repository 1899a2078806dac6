"""Which version what changed calls for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from learning.release.changes import Counts, ModelFigures, ReleaseChanges, suggested_version

SAME = ReleaseChanges(
    previous="1.4.2", labels=Counts(), polygons={}, tiles=20, contributors=3, licence="etalab-2.0",
    licence_before="etalab-2.0", model=ModelFigures("m2", 0.5, 0.4, 0.6), model_before=ModelFigures("m2"),
    has_map=True, had_map=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "version", "step", "reasons"),
    [
        ({}, "1.4.3", "patch", ("nothing",)),
        ({"labels": Counts(changed=2)}, "1.4.3", "patch", ("labels_corrected",)),
        ({"labels": Counts(removed=1)}, "1.4.3", "patch", ("labels_corrected",)),
        ({"labels": Counts(added=1, changed=2)}, "1.5.0", "minor", ("labels_added",)),
        ({"classes_added": ("A",)}, "1.5.0", "minor", ("classes_added",)),
        ({"model": ModelFigures("m3")}, "1.5.0", "minor", ("model",)),
        ({"model": None}, "1.5.0", "minor", ("model",)),
        ({"has_map": False}, "1.5.0", "minor", ("map",)),
        ({"classes_retired": ("A",), "labels": Counts(added=9)}, "2.0.0", "major", ("classes_retired",)),
        ({"licence": "ODbL-1.0"}, "2.0.0", "major", ("licence",)),
    ],
)
def test_the_step_is_that_of_the_weightiest_change(
    changed: dict[str, object], version: str, step: str, reasons: tuple[str, ...]
) -> None:
    found = suggested_version((1, 4, 2), replace(SAME, **changed))
    assert (found.version, found.step, found.reasons) == (version, step, reasons)


def test_the_first_release_is_0_1_0_and_before_1_0_0_what_breaks_raises_the_minor() -> None:
    assert suggested_version(None, SAME).version == "0.1.0"
    assert suggested_version((0, 3, 1), replace(SAME, classes_retired=("A",))).version == "0.4.0"
    assert suggested_version((0, 3, 1), replace(SAME, labels=Counts(added=1))).version == "0.4.0"
    assert suggested_version((0, 3, 1), replace(SAME, labels=Counts(changed=1))).version == "0.3.2"
