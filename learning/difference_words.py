"""What else than the ground makes two maps differ, in words: the same wherever two maps are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.services.pairs import MeasuredShift
from learning.models import Prediction
from learning.services.map_differences import differences_of

SENTENCES = {
    "model": gettext_lazy("another model drew each map (%(first)s, %(second)s)"),
    "training_run": gettext_lazy("each model comes of another training (%(first)s; %(second)s)"),
    "training_tiles": gettext_lazy("the models learnt from other numbers of labelled tiles (%(first)s; %(second)s)"),
    "network": gettext_lazy("the networks are of different kinds (%(first)s; %(second)s)"),
    "normalisation": gettext_lazy("the images’ values are scaled in other ways (%(first)s; %(second)s)"),
    "nomenclature": gettext_lazy("the classes are of different nomenclatures (%(first)s; %(second)s)"),
    "classes": gettext_lazy("the models know other classes (%(first)s; %(second)s)"),
    "bands": gettext_lazy("the images have other bands (%(first)s; %(second)s)"),
    "gsd_m": gettext_lazy("the pixels have other sizes (%(first)s m, %(second)s m)"),
    "days": gettext_lazy("the images were taken on other days, and the season may differ (%(first)s; %(second)s)"),
    "nodata": gettext_lazy(
        "other shares of the images show nothing, being masked or beyond an edge (%(first)s; %(second)s)"
    ),
}


def said(one: Mapping[str, str]) -> str:
    """A difference as a sentence. Args: one: `code`, `first`, `second`, as `services.map_differences` has them."""
    shown = _SHOWN.get(one["code"], str)
    values = {side: shown(one[side]) if one[side] else _("unknown") for side in ("first", "second")}
    return str(SENTENCES[one["code"]]) % values


def all_said(differences: Iterable[Mapping[str, str]]) -> list[str]:
    """Sentences, in the order given."""
    return [said(one) for one in differences]


def differences_told(first: Prediction, second: Prediction) -> list[dict[str, Any]]:
    """What two maps do not share, as the API gives it: codes and values, and a sentence in the reader's language."""
    found = [asdict(one) for one in differences_of(first, second)]
    return [{**one, "says": said(one)} for one in found]


def shift_shown(shift: Mapping[str, Any] | MeasuredShift | None) -> dict[str, Any] | None:
    """How far the two images lie apart, as texts in metres; None where that is not measured."""
    if shift is None:
        return None
    values: Mapping[str, Any] = asdict(shift) if isinstance(shift, MeasuredShift) else shift
    metres = (values["east_m"] ** 2 + values["south_m"] ** 2) ** 0.5
    return {"metres": _number(metres, 2), "spread": _number(values["spread_m"], 2), "is_large": values["is_large"]}


def days_said(days: str) -> str:
    """Two days, as in 2019-06-01/2019-06-03, as a reader writes them; one where they are the same."""
    first, last = (date_format(date.fromisoformat(day), "DATE_FORMAT") for day in days.split("/"))
    return first if first == last else _("%(low)s to %(high)s") % {"low": first, "high": last}


def _run_said(run: str) -> str:
    return _("run %(number)s") % {"number": run} if run.isdigit() else run


def _percent_said(share: str) -> str:
    return _("%(percent)s %%") % {"percent": _number(100 * float(share), 1)}


def _number(value: float, decimals: int) -> str:
    # Rounded here: `number_format` cuts off what does not fit.
    return str(number_format(Decimal(f"{value:.{decimals}f}"), decimals, force_grouping=True))


def _gsd_said(metres: str) -> str:
    return str(number_format(Decimal(metres), use_l10n=True))


_SHOWN: dict[str, Callable[[str], str]] = {
    "training_run": _run_said,
    "days": days_said,
    "nodata": _percent_said,
    "gsd_m": _gsd_said,
}
