"""Shared by the commands that set work aside: who and when from their options, and what is printed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.gis.geos import Polygon
from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from annotation.models import Revert
from annotation.services.reverts import Reverted
from learning.services.reverted import LearntFrom

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def add_common_arguments(parser: CommandParser) -> None:
    """What both commands take."""
    parser.add_argument("--since", help="only what was done from then on, as 2026-05-31 or 2026-05-31T14:00")
    parser.add_argument("--reason", default="", help="why; kept with the revert")
    parser.add_argument("--by", help="username of who decides this; kept with the revert")
    parser.add_argument("--dry-run", action="store_true", help="list what would be set aside, and change nothing")
    parser.add_argument("--undo", type=int, metavar="ID", help="bring back what this revert set aside")


def moment(text: str | None) -> datetime | None:
    """A time of the command line, in the site's time zone where none is said. Raises: CommandError."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
        day = None if found else parse_date(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no time: {error}.") from error
    if found is None and day is not None:
        found = datetime(day.year, day.month, day.day)
    if found is None:
        raise CommandError(f"{text!r} is no time: write it as 2026-05-31 or 2026-05-31T14:00.")
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def account_named(name: str) -> User:
    """An account by username or public id. Raises: CommandError."""
    found = get_user_model().objects.filter(Q(username=name) | Q(contributor__public_id=name)).first()
    if found is None:
        raise CommandError(f"There is no account {name!r}, by username or public id.")
    return found


def area_of(text: str | None) -> Polygon | None:
    """A box of west,south,east,north in degrees. Raises: CommandError."""
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise CommandError(f"{text!r} is no box: write west,south,east,north in degrees.") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise CommandError(f"{text!r} is no box on Earth: west < east and south < north, in degrees.")
    box = Polygon.from_bbox((west, south, east, north))
    box.srid = 4326
    return box


def print_reverted(found: Reverted, *, out: OutputWrapper) -> None:
    """One line a thing, then how many of each, then what had been made of them."""
    for line in found.lines:
        out.write(f"{line.kind:<9} {line.campaign} {line.place}: {line.before} -> {line.after} ({line.who})\n")
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(found.counts.items())) or "nothing"
    out.write(f"{counts}; {found.tickets_open} tickets are given out again.")
    if isinstance(found.seen, LearntFrom):
        print_learnt(found.seen, out=out)
    if found.revert is None:
        out.write("Dry run: nothing was changed.")
        return
    out.write(f"Revert {found.revert.pk}: bring it back with --undo {found.revert.pk}.")


def print_learnt(learnt: LearntFrom, *, out: OutputWrapper) -> None:
    """What holds reverted work still."""
    for title, names in (
        ("Training sets", learnt.training_sets),
        ("Models", learnt.models),
        ("Releases", learnt.releases),
    ):
        if names:
            out.write(f"{title} made with it: {', '.join(names)}")
    if learnt.published_model:
        out.write(f"{learnt.published_model} is published now: retrain, or roll back with roll_back_model.")


def undo_message(revert: Revert) -> str:
    """What an undo answers."""
    return f"{revert} is undone: {revert.items.count()} things count again unless another revert holds them."


def required_reason(options: dict[str, Any]) -> str:
    """Why; a dry run needs none. Raises: CommandError."""
    reason = str(options["reason"]).strip()
    if not reason and not options["dry_run"]:
        raise CommandError("Say why with --reason: it is kept with the revert.")
    return reason
