"""Reporting a wrong place on the map: by anyone, within bounds, once a place (docs/adr/0024)."""

from __future__ import annotations

import ipaddress
import math
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, Point, Polygon
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from annotation.core.places import Place
from annotation.core.quarters import quarter_at
from annotation.errors import (
    InvalidPlace,
    InvalidReport,
    LooksAutomatic,
    SamePlaceReported,
    SignInToReport,
    TooManyReports,
    UnknownClass,
)
from annotation.models import Campaign, PlaceReport, ReportAllowance, ReportContact, ReportEvent, Tile
from annotation.services.annotations import class_codes
from annotation.services.clock import database_now
from annotation.services.report_events import record_event
from annotation.services.report_queue import queue_reported_tile
from annotation.services.rounds import lock_campaign
from annotation.services.tiles import materialise_tiles, quarters_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

HOUR = timedelta(hours=1)
SAME_PLACE_M = 15.0  # reports closer than this are shown to whoever is about to make another
METRES_PER_DEGREE = 111_320  # of longitude at the equator, and nearly so of latitude anywhere
MOST_ALIKE = 5
LONGEST_COMMENT = 1000


class Shown(NamedTuple):
    """What the published map shows at a place: class and version of the model, empty where there is no map."""

    class_code: str = ""
    model_version: str = ""


class Contact(NamedTuple):
    """Where to tell the reporter of the outcome: address, language, and the site's address as they saw it."""

    email: str
    language: str
    site: str


@transaction.atomic
def report_place(
    *,
    campaign: Campaign,
    place: Place,
    reporter: User | None,
    address: str,
    class_code: str = "",
    comment: str = "",
    contact: Contact | None = None,
    shown: Shown = Shown(),  # noqa: B008 -- a tuple
    trap: str = "",
    even_if_reported: bool = False,
) -> PlaceReport:
    """Store a report and put its tile first in the queue, where the queue may ask for it.

    Args:
        address: the sender's network address; only a keyed hash that changes each hour is stored.
        trap: content of a field that people do not see.
        even_if_reported: also where somebody has reported the same place and it waits.
    Raises: SignInToReport, LooksAutomatic, InvalidPlace, UnknownClass, InvalidReport,
        SamePlaceReported, TooManyReports.
    """
    if reporter is None and not settings.REPORTS_WITHOUT_ACCOUNT:
        raise SignInToReport("This site takes reports from people with an account: sign in, then send it again.")
    if trap:
        raise LooksAutomatic("A field that people do not see was filled in: leave it empty and send again.")
    _check_words(campaign, class_code=class_code, comment=comment, contact=contact)
    tile = tile_at(campaign, place)
    if not even_if_reported:
        _offer_alike(campaign, place)
    _spend_allowance(reporter, address)
    lock_campaign(campaign)
    report = PlaceReport.objects.create(
        campaign=campaign,
        tile=tile,
        place=geometry_of(place),
        marker=Point(*place.marker, srid=4326),
        class_code=class_code,
        comment=comment.strip(),
        shown_class=shown.class_code,
        shown_model=shown.model_version,
        reporter=reporter,
    )
    if contact is not None:
        ReportContact.objects.create(report=report, **contact._asdict())
    record_event(report, ReportEvent.Kind.REPORTED, role=ReportEvent.Role.REPORTER, actor=reporter)
    queued = queue_reported_tile(tile)
    if queued.ticket is not None:
        report.ticket, report.earlier_ticket = queued.ticket, queued.earlier
        report.save(update_fields=["ticket", "earlier_ticket"])
        record_event(report, ReportEvent.Kind.QUEUED)
    return report


def tile_at(campaign: Campaign, place: Place) -> Tile:
    """The tile that holds a place's marker, written down if need be; of one that was split, the quarter.

    Raises: InvalidPlace: outside of the campaign's tiles, or an area larger than one tile.
    """
    grid = campaign.tile_grid
    side_m = campaign.tile_px * campaign.layer.gsd_m
    if place.area_m2 > side_m**2:
        raise InvalidPlace(
            f"The area is {place.area_m2:,.0f} m², a tile {side_m**2:,.0f} m²: draw around one wrong place at a "
            "time, or give a point."
        )
    col, row = (px / campaign.tile_px for px in grid.pixels.from_lonlat(*place.marker))
    if not (0 <= row < campaign.n_rows and 0 <= col < campaign.n_cols):  # also where the projection gives infinity
        raise InvalidPlace("This place lies outside of the campaign's map: choose one where there is imagery.")
    where = (math.floor(row), math.floor(col))
    tile = materialise_tiles(campaign=campaign, places=[where])[where]
    quarters = quarters_of([tile]).get(tile.pk)
    if quarters:
        part = quarter_at(col - where[1], row - where[0], side=1)
        tile = next(quarter for quarter in quarters if quarter.part == part)
    tile.campaign = campaign
    return tile


def geometry_of(place: Place) -> GEOSGeometry:
    """A checked place as the database keeps it."""
    return Polygon(place.lonlat, srid=4326) if place.is_area else Point(*place.lonlat[0], srid=4326)


def _check_words(campaign: Campaign, *, class_code: str, comment: str, contact: Contact | None) -> None:
    if class_code and class_code not in class_codes(campaign):
        raise UnknownClass(
            f"The class {class_code[:60]!r} is not one of this campaign's: choose one of them, or none.",
        )
    if any(ord(sign) < 32 and sign not in "\t\n\r" for sign in comment):
        raise InvalidReport("The comment holds a sign that is no letter, figure or line end: write it anew.")
    if len(comment) > LONGEST_COMMENT:
        raise InvalidReport(f"The comment has {len(comment)} signs: up to {LONGEST_COMMENT} are kept. Shorten it.")
    if contact is not None:
        try:
            validate_email(contact.email)
        except ValidationError:
            raise InvalidReport(
                f"{contact.email[:80]!r} is not an e-mail address: correct it, or leave the field empty."
            ) from None


def _offer_alike(campaign: Campaign, place: Place) -> None:
    """Somebody about to report what is known is shown it first."""
    degrees = SAME_PLACE_M / METRES_PER_DEGREE / max(0.01, math.cos(math.radians(place.marker[1])))
    near = PlaceReport.objects.waiting().filter(campaign=campaign, place__dwithin=(geometry_of(place), degrees))
    found = list(near[:MOST_ALIKE])
    if found:
        raise SamePlaceReported(
            "This place was reported already: follow that report, or send yours if it is about something else.",
            details={
                "reports": [
                    {
                        "id": report.public_id,
                        "class_code": report.class_code,
                        "comment": report.words,
                        "created_at": report.created_at.isoformat(),
                    }
                    for report in found
                ]
            },
        )


def _spend_allowance(reporter: User | None, address: str) -> None:
    """One report less for this sender in this hour. One statement: requests at once never pass the limit together."""
    now = database_now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    sender = f"person {reporter.pk}" if reporter is not None else f"address {network_of(address)}"
    limit = settings.REPORTS_PER_HOUR if reporter is None else settings.REPORTS_PER_HOUR_SIGNED_IN
    key = salted_hmac("annotation.reports", f"{hour.isoformat()} {sender}", algorithm="sha256").hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO annotation_reportallowance AS known (sender, hour, used) VALUES (%s, %s, 1)
            ON CONFLICT (sender, hour) DO UPDATE SET used = known.used + 1 WHERE known.used < %s
            RETURNING used
            """,
            [key, hour, limit],
        )
        if cursor.fetchone() is not None:
            return
    wait_s = math.ceil((hour + HOUR - now).total_seconds())
    raise TooManyReports(
        f"{limit} reports in an hour are taken from one sender. The next is taken in {math.ceil(wait_s / 60)} min.",
        details={"limit": limit, "retry_after_s": wait_s},
    )


def network_of(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the first half of an IPv6 one."""
    try:
        known = ipaddress.ip_address(address.strip())
    except ValueError:
        return "unknown"
    if isinstance(known, ipaddress.IPv6Address):
        return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))
    return str(known)


def forget_allowances() -> int:
    """Remove the counts of hours that are over; returns how many."""
    return ReportAllowance.objects.filter(hour__lt=database_now() - 2 * HOUR).delete()[0]
