"""Samples of areas for tests: a drawn map, people who answer, territories around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from map_rows import map_of_vintage
from sample_rows import BUILT, GRASS, interpreters, say


def area_sample(**options: Any) -> tuple[Any, Any]:
    """A map of 1,024 px, built in the west and grass in the east, with a sample of 60 places of 4 px."""
    from learning.services.sample_draw import draw_area_sample

    prediction = map_of_vintage("areas", vintage=2022, east=2)
    given = {"total": 60, "fewest": 30, "unit_px": 4, "seed": 3, "answers_wanted": 1, "drawn_by": None, **options}
    return prediction, draw_area_sample(campaign=prediction.model.campaign, **given)


def answered(sample: Any, seen: Callable[[Any], str | None]) -> Any:
    """Every place answered by one person, and the sample closed."""
    from learning.services.samples import close_sample

    (one,) = interpreters(sample.campaign, count=1)
    for unit in sample.units.all():
        code = seen(unit)
        say(unit, one, *((None,) if code is None else ("", code)))
    return close_sample(sample=sample, closed_by=None)


def as_mapped(unit: Any) -> str:
    """What the map says at a place."""
    return str(BUILT if unit.col < 512 else GRASS)


def counted(prediction: Any) -> Any:
    """The map's areas, counted by the job that waits for it, or by a new one."""
    from annotation.jobs.registry import run_job
    from annotation.models import Job
    from learning.services.map_areas import KIND, start_map_areas

    waiting = Job.objects.filter(kind=KIND, key=prediction.folder, state="queued").first()
    job = waiting or start_map_areas(prediction=prediction)
    assert run_job(str(job.pk))
    job.refresh_from_db()
    return job


def territory_of(prediction: Any, code: str, *, cols: tuple[float, float], rows: tuple[float, float]) -> Any:
    """A commune that is a rectangle of a map's layer, in pixels."""
    import datetime

    from django.contrib.gis.geos import MultiPolygon, Polygon

    from annotation.models import Territory

    grid = prediction.layer.pixel_grid
    corners = [(cols[0], rows[0]), (cols[1], rows[0]), (cols[1], rows[1]), (cols[0], rows[1]), (cols[0], rows[0])]
    ring = [grid.to_lonlat(*corner) for corner in corners]
    return Territory.objects.create(
        kind="commune", code=code, name=code, boundary=MultiPolygon(Polygon(ring), srid=4326), source="test",
        as_of=datetime.date(2024, 1, 1),
    )  # fmt: skip
