"""Long work: the row is the truth, a broker message is only a hint to look (docs/adr/0005)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from annotation.querysets import JobQuerySet


class Job(models.Model):
    """One piece of long work, with its owner, progress, lease and outcome."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=120, blank=True)  # no two unfinished jobs of one kind share a non-empty key
    queue = models.CharField(max_length=20, default="default")
    payload = models.JSONField(default=dict)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    campaign = models.ForeignKey(
        "annotation.Campaign", null=True, blank=True, on_delete=models.CASCADE, related_name="jobs"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(default=0.0)
    message = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    worker = models.CharField(max_length=120, blank=True)
    fence = models.PositiveIntegerField(default=0)  # grows at each start: a worker with an old number may not write
    attempts = models.PositiveSmallIntegerField(default=0)  # starts since the work last got further
    progress_mark = models.FloatField(default=0.0)  # progress from which a next start counts as having got further
    nudged_at = models.DateTimeField(null=True, blank=True)  # last hint of the sweep since the job began to wait
    nudges = models.PositiveSmallIntegerField(default=0)  # such hints
    leased_until = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["created_at"], name="job_unfinished", condition=models.Q(state__in=["queued", "running"])
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=models.Q(state__in=["queued", "running"]) & ~models.Q(key=""),
                name="job_one_unfinished_a_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_finished(self) -> bool:
        """Whether no worker will touch this job again."""
        return self.state in {self.State.SUCCEEDED, self.State.FAILED, self.State.CANCELLED}
