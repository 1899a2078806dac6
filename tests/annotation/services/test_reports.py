"""Reporting a wrong place: what is kept, what is refused, how much one sender may send."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import scenes
from django.db import IntegrityError, connection, connections, transaction
from report_rows import area_in, point_in, report

from annotation.errors import (
    InvalidPlace,
    InvalidReport,
    LooksAutomatic,
    SamePlaceReported,
    SignInToReport,
    TooManyReports,
    UnknownClass,
)
from annotation.models import PlaceReport, ReportAllowance, ReportContact, ReportEvent, Ticket
from annotation.services import reports
from annotation.services.reports import Contact, Shown, forget_allowances, network_of

BUILT, _GRASS = scenes.TWO_CLASSES
ADDRESS = "203.0.113.7"


@pytest.fixture
def tiles(db: None) -> list[Any]:
    campaign = scenes.campaign(tile_px=128, first_round=20)
    tickets = campaign.tickets.filter(kind="initial").select_related("tile__campaign__layer").order_by("rank")
    return [ticket.tile for ticket in tickets]


def test_a_report_keeps_the_place_the_words_and_what_the_map_showed_and_its_tile_is_queued(tiles: list[Any]) -> None:
    made = report(
        tiles[3],
        place=area_in(tiles[3], 0.2, 0.2, 0.6, 0.7),
        class_code=BUILT,
        comment="  A new barn.\n",
        shown=Shown("CS2.2.1", "camp-m1"),
        contact=Contact("ana@example.org", "fr", "https://example.org/"),
    )
    made.refresh_from_db()
    assert (made.tile, made.class_code, made.comment, made.shown_class) == (tiles[3], BUILT, "A new barn.", "CS2.2.1")
    assert made.place.geom_type == "Polygon" and made.place.contains(made.marker)
    assert tiles[3].footprint.contains(made.place)
    assert list(made.events.values_list("kind", "role")) == [("reported", "reporter"), ("queued", "platform")]
    assert made.ticket is not None and made.ticket.kind == Ticket.Kind.REPORTED and made.ticket.rank < 0
    assert ReportContact.objects.get(report=made).email == "ana@example.org"
    assert "ana" not in str(PlaceReport.objects.values().get()) and len(made.public_id) == 18


def test_what_people_do_not_see_is_left_empty_and_addresses_and_classes_are_what_they_say(tiles: list[Any]) -> None:
    with pytest.raises(LooksAutomatic):
        report(tiles[0], trap="https://buy.example")
    with pytest.raises(UnknownClass, match="'CS9'"):
        report(tiles[0], class_code="CS9")
    with pytest.raises(InvalidReport, match="not an e-mail address"):
        report(tiles[0], contact=Contact("a@b\nBcc: all@example.org", "en", "https://example.org/"))
    with pytest.raises(InvalidReport, match="1001 signs"):
        report(tiles[0], comment="x" * 1001)
    assert not PlaceReport.objects.exists() and not ReportAllowance.objects.exists()


def test_a_place_off_the_map_or_larger_than_a_tile_is_refused(tiles: list[Any]) -> None:
    with pytest.raises(InvalidPlace, match="outside of the campaign's map"):
        report(tiles[0], place={"type": "Point", "coordinates": [2.35, 48.85]})
    with pytest.raises(InvalidPlace, match="draw around one wrong place at a time"):
        report(tiles[0], place=area_in(tiles[0], 0, 0, 1.2, 1.2))


def test_a_site_may_take_reports_from_people_with_an_account_alone(tiles: list[Any], settings: Any) -> None:
    settings.REPORTS_WITHOUT_ACCOUNT = False
    with pytest.raises(SignInToReport):
        report(tiles[0])
    ana = scenes.person("ana")
    assert report(tiles[0], reporter=ana).reporter == ana


def test_a_place_that_is_known_is_offered_before_another_report_of_it_is_taken(tiles: list[Any]) -> None:
    first = report(tiles[0], comment="A barn.")
    near = point_in(tiles[0], 0.52, 0.5)  # half a metre further
    with pytest.raises(SamePlaceReported) as offered:
        report(tiles[0], place=near, even_if_reported=False)
    assert [one["id"] for one in offered.value.details["reports"]] == [first.public_id]  # type: ignore[attr-defined]
    report(tiles[0], place=near, even_if_reported=True)
    report(tiles[0], place=point_in(tiles[4]), even_if_reported=False)
    assert PlaceReport.objects.count() == 3


def test_one_address_may_send_so_many_an_hour_and_the_next_hour_so_many_again(
    tiles: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REPORTS_PER_HOUR = 2
    report(tiles[0], address=ADDRESS)
    report(tiles[1], address=ADDRESS)
    with pytest.raises(TooManyReports, match="2 reports in an hour") as refused:
        report(tiles[2], address=ADDRESS)
    assert 0 < refused.value.details["retry_after_s"] <= 3600  # type: ignore[operator]
    report(tiles[2], address="203.0.113.8")
    report(tiles[2], address=ADDRESS, reporter=scenes.person("ana"))
    now = reports.database_now()
    monkeypatch.setattr(reports, "database_now", lambda: now + reports.HOUR)
    report(tiles[2], address=ADDRESS)


def test_no_address_is_stored_and_the_counts_go_after_the_hour(
    tiles: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    report(tiles[0], address=ADDRESS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM annotation_reportallowance a")
        assert ADDRESS not in cursor.fetchone()[0]
    assert forget_allowances() == 0
    later = reports.database_now() + 4 * reports.HOUR
    monkeypatch.setattr(reports, "database_now", lambda: later)
    assert forget_allowances() == 1


def test_one_subscriber_is_one_sender_however_many_addresses_of_the_sixth_version_they_have() -> None:
    assert network_of("2001:db8:1:2:aaaa::1") == network_of("2001:db8:1:2:bbbb::9") == "2001:db8:1:2::/64"
    assert network_of("::ffff:203.0.113.7") == network_of(ADDRESS) == ADDRESS
    assert network_of("not an address") == "unknown"


def sent_at_once(tiles: list[Any], count: int) -> int:
    """So many reports from one address, each in a thread; how many were taken."""
    taken: list[int] = []
    gate = threading.Barrier(count)

    def send(tile: Any) -> None:
        try:
            gate.wait(timeout=20)
            report(tile, address=ADDRESS)
            taken.append(1)
        except TooManyReports:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(tile,)) for tile in tiles[:count]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken)


@pytest.fixture
def committed_tiles(transactional_db: None, settings: Any) -> list[Any]:
    settings.REPORTS_PER_HOUR = 3
    campaign = scenes.campaign(tile_px=128, first_round=20)
    return [ticket.tile for ticket in campaign.tickets.filter(kind="initial").select_related("tile__campaign__layer")]


@pytest.mark.django_db(transaction=True)
def test_eight_reports_at_once_never_pass_the_limit_together(committed_tiles: list[Any]) -> None:
    assert sent_at_once(committed_tiles, 8) == 3
    assert PlaceReport.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_counting_first_and_storing_then_would_let_more_pass(
    committed_tiles: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = threading.Barrier(8)

    def check_then_act(reporter: Any, address: str) -> None:
        used = ReportAllowance.objects.count()
        counted.wait(timeout=20)  # all have counted before one has stored
        if used >= 3:
            raise TooManyReports("planted")
        now = reports.database_now()
        ReportAllowance.objects.create(sender=threading.current_thread().name, hour=now, used=1)

    monkeypatch.setattr(reports, "_spend_allowance", check_then_act)
    assert sent_at_once(committed_tiles, 8) == 8, "the planted fault is what the statement guards against"


def test_the_history_of_a_report_is_only_added_to(tiles: list[Any]) -> None:
    made = report(tiles[0])
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        ReportEvent.objects.filter(report=made).update(words="changed")
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        made.events.all()._raw_delete(using="default")


def test_the_database_refuses_an_answer_without_its_state_and_a_correction_without_its_labels(tiles: list[Any]) -> None:
    made = report(tiles[0])
    for wrong in ({"answer": "not_a_fault"}, {"state": "answered"}, {"state": "answered", "answer": "fixed"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            PlaceReport.objects.filter(pk=made.pk).update(**wrong)
