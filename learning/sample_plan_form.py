"""What whoever plans a sample types, as the page and the API take it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.errors import NotThere
from annotation.models import Campaign, VintagePair
from annotation.views import class_looks
from learning.core.sample_frame import FEWEST_A_STRATUM
from learning.core.sample_plan import MOST_PLACES
from learning.services.sample_draw import DEFAULT_UNIT_M, place_side_px
from learning.services.sample_jobs import Draw
from learning.services.sample_plans import Expectations, Wishes, expectations

STRATA = {
    "stable_in": gettext_lazy("artificialised at both dates"),
    "stable_out": gettext_lazy("not artificialised at both dates"),
    "gain": gettext_lazy("became artificialised"),
    "loss": gettext_lazy("no longer artificialised"),
    "other_change": gettext_lazy("another change of class"),
}
DEFAULTS = {"overall": "2", "fewest": str(FEWEST_A_STRATUM), "answers": "2", "unit_m": f"{DEFAULT_UNIT_M:g}"}
MOST_ANSWERS = 5
MOST_SEED = 2**31 - 1


class PlanForm(forms.Form):
    """Wishes, and for each stratum what is expected of it; percentages as people write them.

    Fields `share_<n>` and `accuracy_<n>` are those of the n-th stratum; left empty, the platform's expectation holds.
    """

    overall = forms.FloatField(
        label=gettext_lazy("Overall accuracy to ± (percentage points)"), required=False, min_value=0.1, max_value=50
    )
    area_of = forms.ChoiceField(label=gettext_lazy("Area of"), required=False)
    area_ha = forms.FloatField(label=gettext_lazy("to ± (ha)"), required=False, min_value=0.0001)
    places = forms.IntegerField(
        label=gettext_lazy("Places in all"), required=False, min_value=2, max_value=MOST_PLACES,
        help_text=gettext_lazy("Left empty: as many as the wishes take."),
    )  # fmt: skip
    fewest = forms.IntegerField(
        label=gettext_lazy("Places in each stratum, at least"), min_value=2, max_value=1000,
        help_text=gettext_lazy("50 to 100 where a class is rare."),
    )  # fmt: skip
    answers = forms.IntegerField(
        label=gettext_lazy("People who answer each place"), min_value=1, max_value=MOST_ANSWERS,
        help_text=gettext_lazy("Two who do not know of each other, and a maintainer where they differ."),
    )  # fmt: skip
    unit_m = forms.FloatField(label=gettext_lazy("Side of a place (m)"), min_value=0.1, max_value=100)
    seed = forms.IntegerField(
        label=gettext_lazy("Seed of the draw"), required=False, min_value=0, max_value=MOST_SEED,
        help_text=gettext_lazy("The same seed draws the same places again. Left empty: one that nobody can foresee."),
    )  # fmt: skip

    def __init__(self, data: Mapping[str, Any] | None, *, known: Expectations, names: Mapping[str, str]) -> None:
        """Bound to what was typed, else to what is usual.

        Args: names: of the strata, by code, in the reader's language.
        """
        # What was typed stands whole: a wish that was emptied is none.
        super().__init__(DEFAULTS if data is None else {**_without("overall"), **data})
        self.known = known
        self.fields["area_of"] = forms.ChoiceField(
            label=self.fields["area_of"].label, required=False,
            choices=[
                ("", _("no class in particular")), *((one.code, names.get(one.code, one.code)) for one in known.strata)
            ],
        )  # fmt: skip
        for number in range(len(known.strata)):
            self.fields[f"share_{number}"] = forms.FloatField(required=False, min_value=0, max_value=100)
            self.fields[f"accuracy_{number}"] = forms.FloatField(required=False, min_value=0, max_value=100)

    def clean(self) -> dict[str, Any]:
        """A wish for an area names the class and how closely; something is wished for."""
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        if bool(given["area_of"]) != (given["area_ha"] is not None):
            self.add_error(
                "area_ha" if given["area_of"] else "area_of",
                _("Say both: which class, and to how many hectares its area is to be known."),
            )
        elif given["overall"] is None and given["area_ha"] is None and given["places"] is None:
            self.add_error(
                "overall",
                _("Say what the sample is to tell: an accuracy, an area, or how many places it has."),
            )
        return given

    @property
    def wishes(self) -> Wishes:
        """What was typed, once it is valid."""
        given = self.cleaned_data
        overall = given["overall"]
        return Wishes(
            overall=None if overall is None else overall / 100,
            area_of=given["area_of"],
            area_ha=given["area_ha"],
            places=given["places"],
            fewest=given["fewest"],
            share=dict(self._typed("share")),
            accuracy=dict(self._typed("accuracy")),
        )

    def draw(self, total: int) -> Draw:
        """How the sample is drawn."""
        given = self.cleaned_data
        seed = given["seed"]
        return Draw(
            total=total,
            fewest=given["fewest"],
            answers_wanted=given["answers"],
            seed=secrets.randbelow(MOST_SEED) if seed is None else seed,
            unit_px=place_side_px(self.known.campaign, given["unit_m"]),
        )

    def _typed(self, what: str) -> Iterator[tuple[str, float]]:
        for number, one in enumerate(self.known.strata):
            value = self.cleaned_data[f"{what}_{number}"]
            if value is not None:
                yield one.code, value / 100


def _without(wish: str) -> dict[str, str]:
    return {name: value for name, value in DEFAULTS.items() if name != wish}


def pairs_of(campaign: Campaign) -> list[VintagePair]:
    """The pairs whose later layer is the campaign's."""
    return list(VintagePair.objects.filter(second=campaign.layer_id).select_related("first", "second"))


def asked_pair(campaign: Campaign, given: str) -> VintagePair | None:
    """The pair of a number as people send it, None for a sample of areas. Raises: NotThere: it is none of these."""
    if not given:
        return None
    for pair in pairs_of(campaign):
        if str(pair.pk) == given:
            return pair
    raise NotThere(f"There is no pair {given!r} with this campaign's imagery as the later date: see the list of pairs.")


def names_of(known: Expectations) -> dict[str, str]:
    """What the strata are called, by code."""
    if known.pair is not None:
        return {code: str(words) for code, words in STRATA.items()}
    return {code: look["name"] for code, look in class_looks(known.campaign).items()}


def plan_form(campaign: Campaign, pair: VintagePair | None, typed: Mapping[str, Any] | None) -> PlanForm:
    """The form for what is known now."""
    known = expectations(campaign=campaign, pair=pair)
    return PlanForm(typed, known=known, names=names_of(known))
