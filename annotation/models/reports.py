"""Places that readers of the map say are wrong, and what became of each (docs/adr/0024)."""

from __future__ import annotations

import secrets
import uuid

from django.conf import settings
from django.contrib.gis.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.querysets import PlaceReportQuerySet


def random_report_id() -> str:
    """A name for a report's public page, that nobody can guess from another's."""
    return "r-" + secrets.token_hex(8)


class PlaceReport(models.Model):
    """A wrong place on a campaign's map, as somebody saw it. What is said of it follows in its events."""

    class State(models.TextChoices):
        NEW = "new", _("new")
        ASSIGNED = "assigned", _("given to somebody to draw")
        DRAWING = "drawing", _("being drawn anew")
        ANSWERED = "answered", _("answered")
        RELEASED = "released", _("in a release")

    class Answer(models.TextChoices):
        FIXED = "fixed", _("corrected")
        NOT_A_FAULT = "not_a_fault", _("the map is right here")
        DUPLICATE = "duplicate", _("reported before")
        CANNOT_TELL = "cannot_tell", _("the imagery does not tell")

    public_id = models.CharField(max_length=20, unique=True, default=random_report_id, editable=False)
    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.PROTECT, related_name="reports")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="reports")
    place = models.GeometryField(srid=4326)  # a point or a simple polygon
    marker = models.PointField(srid=4326)  # the point, or one inside the polygon
    class_code = models.CharField(max_length=60, blank=True)  # that the reporter says is there, if any
    comment = models.TextField(max_length=1000, blank=True)
    comment_hidden = models.BooleanField(default=False)
    shown_class = models.CharField(max_length=60, blank=True)  # what the published map showed at the marker
    shown_model = models.CharField(max_length=120, blank=True)
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="reports"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    answer = models.CharField(max_length=12, choices=Answer.choices, blank=True)
    duplicate_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="duplicates")
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="reports_to_draw"
    )
    # The ticket that the report put first, and the one that this took the place of.
    ticket = models.ForeignKey(
        "annotation.Ticket", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports"
    )
    earlier_ticket = models.ForeignKey(
        "annotation.Ticket", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reopened = models.BooleanField(default=False)  # the tile was accepted already: what corrects it takes its place
    fix = models.ForeignKey(
        "annotation.Annotation", null=True, blank=True, on_delete=models.PROTECT, related_name="reports_fixed"
    )
    release = models.CharField(max_length=200, blank=True)  # name of the first release that contains the fix
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PlaceReportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["answered", "released"]) & ~Q(answer="")
                | Q(state__in=["new", "assigned", "drawing"], answer=""),
                name="report_answered_has_answer",
            ),
            models.CheckConstraint(
                condition=Q(answer="fixed", fix__isnull=False) | ~Q(answer="fixed") & Q(fix__isnull=True),
                name="report_fixed_has_fix",
            ),
            models.CheckConstraint(
                condition=Q(answer="duplicate", duplicate_of__isnull=False)
                | ~Q(answer="duplicate") & Q(duplicate_of__isnull=True),
                name="report_duplicate_has_original",
            ),
            models.CheckConstraint(
                condition=Q(state="released", answer="fixed") & ~Q(release="") | ~Q(state="released") & Q(release=""),
                name="report_released_has_release",
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "-created_at"], name="report_of_campaign"),
            models.Index(
                fields=["tile"], name="report_followed", condition=~Q(state="released") & Q(duplicate_of__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        if self.duplicate_of is not None:
            return self.duplicate_of.is_over
        closing = (self.Answer.NOT_A_FAULT, self.Answer.CANNOT_TELL)
        return self.state == self.State.RELEASED or self.answer in closing

    @property
    def words(self) -> str:
        """The reporter's comment as anyone may read it."""
        return "" if self.comment_hidden else self.comment


class ReportEvent(models.Model):
    """Something that happened to a report. Rows are only ever added (database trigger)."""

    class Kind(models.TextChoices):
        REPORTED = "reported", _("Reported")
        QUEUED = "queued", _("First in the queue of places to draw")
        ASSIGNED = "assigned", _("Given to somebody to draw anew")
        DRAWING = "drawing", _("Somebody draws this place anew")
        FIXED = "fixed", _("Corrected: new labels were accepted")
        NOT_A_FAULT = "not_a_fault", _("Answered: the map is right here")
        DUPLICATE = "duplicate", _("Answered: this place was reported before")
        CANNOT_TELL = "cannot_tell", _("Answered: the imagery does not tell")
        REOPENED = "reopened", _("Taken up again")
        RELEASED = "released", _("Published in a release")
        WORDS_HIDDEN = "words_hidden", _("The reporter's words were hidden")

    class Role(models.TextChoices):
        PLATFORM = "platform", _("the platform")
        REPORTER = "reporter", _("the person who reported it")
        STEWARD = "steward", _("a steward of the territory")
        REVIEWER = "reviewer", _("a reviewer of the campaign")
        MAINTAINER = "maintainer", _("a maintainer of the campaign")

    report = models.ForeignKey(PlaceReport, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    role = models.CharField(max_length=10, choices=Role.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    words = models.TextField(max_length=2000, blank=True)  # for anyone to read
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "pk"]
        indexes = [models.Index(fields=["report", "created_at"], name="report_history")]

    def __str__(self) -> str:
        return f"{self.kind} {self.report}"


class ReportContact(models.Model):
    """Where to tell a reporter what became of their report. Never shown; the row goes once nothing more will come."""

    report = models.OneToOneField(PlaceReport, on_delete=models.CASCADE, related_name="contact")
    email = models.EmailField()
    language = models.CharField(max_length=2)
    site = models.URLField()  # the site's address as the reporter saw it, for the links
    stop_token = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"contact of {self.report}"


class ReportNotice(models.Model):
    """One mail about one event to one reporter: written with the event, sent once."""

    contact = models.ForeignKey(ReportContact, on_delete=models.CASCADE, related_name="notices")
    event = models.ForeignKey(ReportEvent, on_delete=models.PROTECT, related_name="notices")
    sent_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "event"], name="notice_once_an_event")]
        indexes = [models.Index(fields=["id"], name="notice_to_send", condition=Q(sent_at__isnull=True))]

    def __str__(self) -> str:
        return f"notice of {self.event}"


class ReportAllowance(models.Model):
    """How many reports one sender made in one hour. The sender is a keyed hash of that hour: no address is kept."""

    sender = models.CharField(max_length=64)
    hour = models.DateTimeField()
    used = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "hour"], name="allowance_one_an_hour")]

    def __str__(self) -> str:
        return f"{self.used} in the hour from {self.hour:%H:%M}"
