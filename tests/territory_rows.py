"""Territories with figures for tests: rows as the job keeps them, and documents made by hand where a number matters."""

from __future__ import annotations

from typing import Any

from scenes import TWO_CLASSES

BUILT, GRASS = TWO_CLASSES


def commune(camp: Any, *, code: str = "32013", name: str = "Auch", **more: Any) -> Any:
    """A commune over a campaign's tiles: rows 0 to 8, columns 0 to 8 unless told."""
    from django.contrib.gis.geos import MultiPolygon, Polygon
    from report_rows import boundary

    from annotation.models import Territory

    ring = boundary(camp, *more.pop("tiles", (0, 0, 8, 8)))
    given = {"kind": "commune", "source": "ADMIN EXPRESS", "as_of": "2025-02-01", **more}
    return Territory.objects.create(
        code=code, name=name, boundary=MultiPolygon([Polygon(ring, srid=4326)], srid=4326), **given
    )


def counted(camp: Any) -> Any:
    """Run the job that counts a campaign's territories."""
    from annotation.jobs.registry import run_job
    from learning.services.territory_figures import start_territory_figures

    job = start_territory_figures(campaign=camp)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def class_area(code: str, mapped: float, *estimate: float, **more: Any) -> dict[str, Any]:
    """A class of `area`: as mapped, then estimate, half-width."""
    value, half = estimate or (None, None)
    accuracy = {"value": 0.9, "half_width": 0.05} if estimate else None
    ends = {"lower_ha": value - half, "upper_ha": value + half} if estimate else {"lower_ha": None, "upper_ha": None}
    return {
        "code": code, "mapped_ha": mapped, "estimate_ha": value, "half_width_ha": half, **ends, "few": False,
        "user": accuracy, "producer": accuracy, "places": 40 if estimate else 0, **more,
    }  # fmt: skip


def interval(value: float, lower: float, upper: float, units: int = 5) -> dict[str, Any]:
    return {"value": value, "lower": lower, "upper": upper, "units": units}


def flow(*figure: float, most: tuple[float, float, float] | None = None, years: float = 3.0) -> dict[str, Any]:
    """A figure (value, lower, upper), or two bounds where `most` is given; each also by year."""
    ends = {"lower": interval(*figure), "upper": interval(*(most or figure))}
    yearly = {
        name: {**one, **{key: one[key] / years for key in ("value", "lower", "upper")}} for name, one in ends.items()
    }
    return {"ha": ends, "ha_per_year": yearly}


def assessed(document: dict[str, Any]) -> dict[str, Any]:
    """The document of a territory of which everything is known, with round numbers."""
    return {
        **document,
        "ground": {"territory_ha": 1000.0, "imagery_ha": 1000.0},
        "area": {
            "status": "assessed", "reason": "", "estimator": "olofsson2014", "places": 80, "blocks": 0, "left_out": 2,
            "learnt_from": 0, "unassessed_ha": 0.0, "model": "camp-m1", "vintage": 2022,
            "overall": {"value": 0.93, "half_width": 0.03},
            "classes": [class_area(BUILT, 180.0, 211.5776, 61.5763), class_area(GRASS, 820.0, 788.4224, 61.5763)],
        },
        "changes": [
            {
                "first": {"layer": "then", "title": "Then", "vintage": 2019},
                "second": {"layer": "now", "title": "Now", "vintage": 2022},
                "shift": {"east_m": 0.3, "south_m": -0.4, "spread_m": 0.08, "windows": 9, "is_large": True},
                "differences": [{"code": "model", "first": "then-m2", "second": "now-m1"}],
                "status": "assessed", "reason": "", "sample": 1, "patches": 3, "patches_ha": 1.25,
                "never_reviewed": 0.6,
                "period": {"first": ["2019-07-01", "2019-07-14"], "second": [2022, 2022], "years": 3.0, "exact": False},
                "found": {
                    "kind": "bracket",
                    "gain": flow(12.34, 8.1, 19.7), "loss": flow(2.0, 0.5, 5.2),
                    "net": flow(10.3, 4.2, 18.1, most=(14.0, 6.5, 22.5)),
                    "classes": [{"first_code": GRASS, "second_code": BUILT, "ha": interval(12.34, 8.1, 19.7)}],
                    "first_wrong": interval(30.2, 21.0, 41.0), "second_wrong": interval(8.0, 4.0, 14.0),
                    "mapped_gain_ha": 48.5, "mapped_loss_ha": 11.2, "strata": [], "places": 240, "used": 236,
                    "cannot_tell": 4, "unresolved": 0, "alpha": 0.81,
                },
            }
        ],
        "artificialisation": {
            "kind": "bracket", "lower_ha": 190.0, "upper_ha": 460.0,
            "rests_on": {
                "model": "camp-m1", "vintage": 2022, "rule": "decree_2023_1096 1.0", "usage": [], "mapped_ha": 1000.0,
                "ground_ha": 1000.0, "without_usage_ha": 270.0, "usage_declared_unknown_ha": 0.0, "sealed_ha": 180.0,
                "by_criterion": [
                    {
                        "criterion": "patch", "artificialised_ha": 1.5, "not_artificialised_ha": 0.5,
                        "reason": {"en": "smaller than 2,500 m²", "fr": "moins de 2 500 m²"},
                    }
                ],
                "made_at": "2026-11-28T04:00:00+00:00", "is_current": True,
            },
        },
    }  # fmt: skip


def told(camp: Any, territory: Any) -> Any:
    """A territory's row, everything assessed."""
    from learning.models import TerritoryFigures

    counted(camp)
    row = TerritoryFigures.objects.get(campaign=camp, territory=territory)
    row.document = assessed(row.document)
    row.save()
    return row
