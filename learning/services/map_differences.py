"""What else than the ground makes two maps differ: the one list of it, for every place where two maps are compared.

A change of the map is a change of the ground only as far as nothing else changed. Values are kept as texts that hold no
word of a language; `learning.difference_words` says them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from annotation.models import ImageryLayer
from annotation.services.ground_dates import days_of_layer
from learning.models import Prediction
from learning.release.errors import UnusableArtefact
from learning.release.weights import read_weights_header

Code = Literal[
    "model", "training_run", "training_tiles", "network", "normalisation", "nomenclature", "classes", "bands", "gsd_m",
    "days", "nodata",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that two maps do not share beside the ground, and what each has; "" where that is not known.

    Args:
        code: what it is. `model`: version. `training_run`: number of the run, or the weights' name where they come from
            elsewhere. `training_tiles`: labelled tiles learnt from. `network`: architecture and encoder.
            `normalisation`: mean and deviation that each band's values are scaled by, in raw units. `nomenclature`:
            code and version. `classes`: codes. `bands`: names. `gsd_m`: ground of a pixel, in metres. `days`: first
            and last day of the imagery (2019-06-01/2019-06-03). `nodata`: share of the layer's pixels without imagery,
            0 to 1.
    """

    code: Code
    first: str
    second: str


def differences_of(first: Prediction, second: Prediction) -> list[Difference]:
    """What else than the ground may make two maps differ, in the order in which `Code` lists it."""
    found = ((code, *(_VALUES[code](one) for one in (first, second))) for code in get_args(Code))
    return [Difference(code, *both) for code, *both in found if both[0] != both[1]]


def nodata_share(layer: ImageryLayer) -> float | None:
    """Share of a layer's pixels that show nothing (beyond its edge, masked cloud), 0 to 1; None: it was not counted."""
    path = layer.path("valid.npy")
    if not path.exists():
        return None
    return 1.0 - float(np.load(path, mmap_mode="r", allow_pickle=False).mean()) / 255.0


def _training_run(prediction: Prediction) -> str:
    model = prediction.model
    return str(model.run_id) if model.run_id else model.origin.name if model.origin else ""


def _training_tiles(prediction: Prediction) -> str:
    run = prediction.model.run
    return str(run.training_set.n_tiles) if run else ""


def _network(prediction: Prediction) -> str:
    options = prediction.model.options
    return " ".join(str(options[name]) for name in ("architecture", "encoder") if name in options)


def _normalisation(prediction: Prediction) -> str:
    try:
        return _scaling(prediction.model.path, prediction.model.sha256)
    except (OSError, UnusableArtefact, KeyError, TypeError, ValueError):
        return ""  # the file is away, or does not say it


@lru_cache(maxsize=256)
def _scaling(path: Path, _sha256: str) -> str:
    """Of a model file, as in "R 104.2±31.0, …"; what could not be read is read again the next time."""
    card = json.loads(read_weights_header(path).metadata["solcommun"])
    bands, scaling = card["spec"]["bands"], card["normalisation"]
    by_band = zip(bands, scaling["mean"], scaling["std"], strict=True)
    return ", ".join(f"{band} {mean:.1f}±{std:.1f}" for band, mean, std in by_band)


def _nomenclature(prediction: Prediction) -> str:
    found = prediction.model.campaign.nomenclature
    return f"{found.code} {found.version}"


def _days(prediction: Prediction) -> str:
    first, last = days_of_layer(prediction.layer)
    return "" if first is None or last is None else f"{first.isoformat()}/{last.isoformat()}"


def _nodata(prediction: Prediction) -> str:
    share = nodata_share(prediction.layer)
    return "" if share is None else f"{share:.3f}"


_VALUES: dict[Code, Callable[[Prediction], str]] = {
    "model": lambda one: one.model.version,
    "training_run": _training_run,
    "training_tiles": _training_tiles,
    "network": _network,
    "normalisation": _normalisation,
    "nomenclature": _nomenclature,
    "classes": lambda one: ", ".join(sorted(one.model.class_codes)),
    "bands": lambda one: ", ".join(one.layer.bands),
    "gsd_m": lambda one: f"{one.layer.gsd_m:g}",
    "days": _days,
    "nodata": _nodata,
}
