"""Whose work counts: levels earned in a campaign, what an hour takes, alarms, and work set aside (docs/adr/0023)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.querysets import RevertItemQuerySet, TrustAlarmQuerySet


class Standing(models.Model):
    """How far a person is trusted in a campaign, and what it was earned with. Theirs and the maintainers' to see."""

    class Level(models.IntegerChoices):
        NEWCOMER = 0, _("newcomer")
        CONTRIBUTOR = 1, _("regular contributor")
        TRUSTED = 2, _("trusted contributor")

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="standings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="standings")
    level = models.PositiveSmallIntegerField(choices=Level.choices, default=Level.NEWCOMER)
    accepted = models.PositiveIntegerField(default=0)  # tiles that a reviewer accepted
    sent_back = models.PositiveIntegerField(default=0)  # times that a reviewer sent one back
    gold_passed = models.PositiveIntegerField(default=0)
    gold_failed = models.PositiveIntegerField(default=0)
    # Somebody known outside the platform starts at a level that a maintainer names.
    vouched_level = models.PositiveSmallIntegerField(choices=Level.choices, default=Level.NEWCOMER)
    vouched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "user"], name="standing_one_a_person")]
        indexes = [models.Index(fields=["user", "-level"], name="standing_highest")]

    def __str__(self) -> str:
        return f"{self.user} {self.get_level_display()} in {self.campaign}"


class HourlyUse(models.Model):
    """What a person has used of an hour: one row a person and action, counted and refused in one statement."""

    class Action(models.TextChoices):
        CLAIM = "claim"
        SAVE = "save"
        SUBMIT = "submit"
        VERDICT = "verdict"
        REVIEW = "review"
        SPLIT = "split"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    action = models.CharField(max_length=8, choices=Action.choices)
    used = models.PositiveIntegerField()
    since = models.DateTimeField()  # the hour begins with its first write

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "action"], name="hourly_use_one_an_action")]

    def __str__(self) -> str:
        return f"{self.user}: {self.used} {self.action} since {self.since}"


class Revert(models.Model):
    """A decision that work counts for nothing: all of one account, or a batch. Rows are only added; undoing one says
    so once, on its own row (database trigger).
    """

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="reverts"
    )
    campaign = models.ForeignKey(
        "annotation.Campaign", null=True, blank=True, on_delete=models.PROTECT, related_name="reverts"
    )
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    area = models.GeometryField(srid=4326, null=True, blank=True)
    blocks = models.BooleanField(default=False)  # the account was blocked with it
    reason = models.CharField(max_length=500)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    undo_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(account__isnull=False) | Q(campaign__isnull=False), name="revert_has_a_scope"
            ),
            models.CheckConstraint(condition=Q(blocks=False) | Q(account__isnull=False), name="revert_blocks_somebody"),
        ]

    def __str__(self) -> str:
        return f"revert {self.pk}"


class RevertItem(models.Model):
    """One thing that a revert set aside, and how it was before. Rows are only added (database trigger)."""

    class Kind(models.TextChoices):
        LABELS = "labels", _("labels of a tile")
        VERDICTS = "verdicts", _("answers on a model's drawing")
        REVIEW = "review", _("review of somebody's labels")
        REPORT = "report", _("report of unusable imagery")
        CHANGE = "change", _("answer on ground at two dates")

    revert = models.ForeignKey(Revert, on_delete=models.PROTECT, related_name="items")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="+")
    # Labels, and for a review the labels it was of.
    annotation = models.ForeignKey("annotation.Annotation", null=True, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey("annotation.ValidationBatch", null=True, on_delete=models.PROTECT, related_name="+")
    review = models.ForeignKey("annotation.Review", null=True, on_delete=models.PROTECT, related_name="+")
    lease = models.ForeignKey("annotation.Lease", null=True, on_delete=models.PROTECT, related_name="+")
    change_answer = models.ForeignKey("annotation.ChangeAnswer", null=True, on_delete=models.PROTECT, related_name="+")
    ticket = models.ForeignKey("annotation.Ticket", null=True, on_delete=models.PROTECT, related_name="+")
    state_before = models.CharField(max_length=12, blank=True)  # of the labels, or the report's reason
    decided_before = models.DateTimeField(null=True)

    objects = RevertItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["revert", "annotation"], condition=Q(kind="labels"), name="revert_labels_once"
            ),
            models.UniqueConstraint(fields=["revert", "batch"], name="revert_batch_once"),
            models.UniqueConstraint(fields=["revert", "review"], name="revert_review_once"),
            models.UniqueConstraint(fields=["revert", "change_answer"], name="revert_change_answer_once"),
            models.CheckConstraint(
                condition=Q(kind="labels", annotation__isnull=False, batch__isnull=True, review__isnull=True)
                | Q(kind="verdicts", annotation__isnull=True, batch__isnull=False, review__isnull=True)
                | Q(kind="review", annotation__isnull=False, batch__isnull=True, review__isnull=False)
                | Q(
                    kind="report", annotation__isnull=True, batch__isnull=True, review__isnull=True, lease__isnull=False
                )
                | Q(
                    kind="change",
                    annotation__isnull=True,
                    batch__isnull=True,
                    review__isnull=True,
                    change_answer__isnull=False,
                ),
                name="revert_item_is_of_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on tile {self.tile_id} by {self.revert}"


class LabelComparison(models.Model):
    """How far two people's labels of one tile differ: computed once for two revisions, which never change."""

    tile = models.ForeignKey("annotation.Tile", on_delete=models.CASCADE, related_name="+")
    first = models.ForeignKey("annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey("annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="+")
    differing = models.FloatField(null=True)  # share of the ground that either labels; null: there is none
    classes = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="comparison_once_two_revisions"),
            models.CheckConstraint(condition=Q(first__lt=models.F("second")), name="comparison_in_order"),
        ]

    def __str__(self) -> str:
        return f"revisions {self.first_id} and {self.second_id}"


class TrustAlarm(models.Model):
    """Something in a person's work that a maintainer should look at. It decides nothing by itself."""

    class Kind(models.TextChoices):
        COPY = "copy", _("labels nearly equal to somebody else's")
        ONE_CLASS = "one_class", _("one class on nearly everything")
        SPEED = "speed", _("far faster than others")
        GOLD = "gold", _("fails tiles whose labels are known")

    class Resolution(models.TextChoices):
        DISMISSED = "dismissed", _("looked at, nothing wrong")
        REVERTED = "reverted", _("account blocked, work set aside")

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="alarms")
    subject = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alarms")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    evidence = models.JSONField()  # figures of annotation.core.alarms
    opened_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    resolution = models.CharField(max_length=10, choices=Resolution.choices, blank=True)
    note = models.CharField(max_length=500, blank=True)
    revert = models.ForeignKey(Revert, null=True, blank=True, on_delete=models.SET_NULL, related_name="alarms")

    objects = TrustAlarmQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "subject", "kind"],
                condition=Q(resolved_at__isnull=True),
                name="alarm_one_open_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, resolution="")
                | (Q(resolved_at__isnull=False) & ~Q(resolution="")),
                name="alarm_resolved_somehow",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject} in {self.campaign}"
