"""Mails about reports: once, in the reporter's language, stopped by one click; the address goes with the report."""

from __future__ import annotations

import smtplib
import threading
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
import scenes
from django.core import mail
from django.db import connections
from django.test import Client
from report_rows import report

from annotation.models import Campaign, ReportContact, ReportNotice
from annotation.services import report_events, report_mail
from annotation.services.people import set_role
from annotation.services.report_desk import answer_report
from annotation.services.report_mail import forget_old_contacts, send_waiting_mail
from annotation.services.reports import Contact

pytestmark = pytest.mark.django_db


def contact(email: str = "reader@example.org", language: str = "en") -> Contact:
    return Contact(email, language, "https://map.example.org/")


@pytest.fixture
def campaign(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Mails wait for the sweep: the test sends them itself."""
    monkeypatch.setattr(report_events, "nudge_mail", lambda: None)
    made = scenes.campaign(tile_px=128, first_round=20)
    set_role(campaign=made, user=scenes.person("boss"), role="maintainer")
    return made


def tile_of(campaign: Any, n: int = 0) -> Any:
    return campaign.tickets.filter(kind="initial").select_related("tile__campaign__layer").order_by("rank")[n].tile


def answer(made: Any, kind: str = "not_a_fault", **more: Any) -> Any:
    from django.contrib.auth import get_user_model

    boss = get_user_model().objects.get(username="boss")
    given = {"words": "It is a glass roof.", **more}
    return answer_report(report_id=made.public_id, actor=boss, answer=kind, **given)


def test_the_reporter_is_told_of_the_answer_once_and_the_address_is_gone(campaign: Any) -> None:
    made = report(tile_of(campaign), contact=contact())
    assert send_waiting_mail() == 0 and not mail.outbox, "nothing is sent to an address before there is an answer"
    answer(made)
    assert send_waiting_mail() == 1
    assert send_waiting_mail() == 0
    [message] = mail.outbox
    assert message.to == ["reader@example.org"]
    assert (
        "It is a glass roof." in message.body and f"https://map.example.org/reports/{made.public_id}/" in message.body
    )
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not ReportContact.objects.exists() and not ReportNotice.objects.exists()


def test_the_mail_is_in_the_reporters_language(campaign: Any) -> None:
    answer(report(tile_of(campaign), contact=contact(language="fr")))
    send_waiting_mail()
    assert mail.outbox[0].subject.startswith("Votre signalement") and "Bonjour," in mail.outbox[0].body


def test_no_title_and_no_words_can_add_a_header(campaign: Any) -> None:
    Campaign.objects.update(title="Gers\r\nBcc: all@example.org")
    answer(report(tile_of(campaign), contact=contact()), words="No.\r\nBcc: all@example.org")
    assert send_waiting_mail() == 1
    received = message_from_bytes(mail.outbox[0].message().as_bytes(), policy=default)
    assert received["Bcc"] is None and received["To"] == "reader@example.org"
    assert received["Subject"].strip() == "Your report on “Gers Bcc: all@example.org”: Answered: the map is right here"
    assert mail.outbox[0].recipients() == ["reader@example.org"]


def test_one_click_stops_the_mails_and_forgets_the_address_and_looking_does_not(campaign: Any) -> None:
    made = report(tile_of(campaign), contact=contact())
    address = f"/reports/{made.public_id}/stop/{made.contact.stop_token}/"
    strict = Client(enforce_csrf_checks=True)
    assert strict.get(address).status_code == 200 and ReportContact.objects.exists(), "mail programs follow links"
    wrong = address.replace(str(made.contact.stop_token), "00000000-0000-4000-8000-000000000000")
    assert strict.post(wrong).status_code == 200 and ReportContact.objects.exists()
    assert strict.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not ReportContact.objects.exists()
    assert strict.post(address).status_code == 200, "the second click is no error"
    answer(made)
    assert send_waiting_mail() == 0


def test_who_reported_the_same_place_hears_what_becomes_of_the_one_report(campaign: Any) -> None:
    first = report(tile_of(campaign), contact=contact("first@example.org"))
    second = report(tile_of(campaign), contact=contact("second@example.org"))
    answer(second, "duplicate", duplicate_of=first.public_id)
    assert send_waiting_mail() == 1 and mail.outbox[0].to == ["second@example.org"]
    assert ReportContact.objects.count() == 2, "more will come of it"
    answer(first)
    assert send_waiting_mail() == 2
    assert sorted(m.to[0] for m in mail.outbox[1:]) == ["first@example.org", "second@example.org"]
    assert not ReportContact.objects.exists()


def test_a_mail_server_that_is_away_delays_a_mail_and_loses_none(
    campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(report(tile_of(campaign), contact=contact()))
    answer(report(tile_of(campaign, 1), contact=contact("other@example.org")))

    def away(self: Any, fail_silently: bool = False) -> int:
        raise smtplib.SMTPServerDisconnected("away")

    with monkeypatch.context() as patch:
        patch.setattr(report_mail.EmailMessage, "send", away)
        assert send_waiting_mail() == 0
    assert list(ReportNotice.objects.values_list("failures", flat=True)) == [1, 1]
    assert send_waiting_mail() == 2


def test_addresses_of_reports_that_nothing_came_of_are_forgotten_after_years(campaign: Any, settings: Any) -> None:
    report(tile_of(campaign), contact=contact())
    assert forget_old_contacts() == 0
    settings.REPORT_CONTACT_DAYS = 0
    assert forget_old_contacts() == 1


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_send_each_mail_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_events, "nudge_mail", lambda: None)
    made = scenes.campaign(tile_px=128, first_round=20)
    set_role(campaign=made, user=scenes.person("boss"), role="maintainer")
    for n in range(6):
        answer(report(tile_of(made, n), contact=contact(f"r{n}@example.org")))
    gate = threading.Barrier(4)

    def work() -> None:
        try:
            gate.wait(timeout=20)
            send_waiting_mail()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(m.to[0] for m in mail.outbox) == [f"r{n}@example.org" for n in range(6)]
