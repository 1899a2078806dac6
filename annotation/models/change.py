"""Questions about change between two vintages, and what people answer (docs/adr/0051)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.querysets import ChangeAnswerQuerySet, ChangeReviewQuerySet


class ChangeVerdict(models.TextChoices):
    """What somebody says of a piece of ground that they see at both dates."""

    UNCHANGED = "unchanged", _("nothing changed")
    CHANGED = "changed", _("the ground changed")
    FIRST_WRONG = "first_wrong", _("the earlier label was wrong")
    SECOND_WRONG = "second_wrong", _("the later label was wrong")
    UNSURE = "unsure", _("cannot tell")


#: Which classes a verdict names: that of the earlier date and that of the later one.
CODES_FOLLOW_VERDICT = (
    Q(verdict="unchanged", first_code=F("second_code")) & ~Q(first_code="")
    | Q(verdict="changed") & ~Q(first_code="") & ~Q(second_code="") & ~Q(first_code=F("second_code"))
    | Q(verdict="first_wrong") & ~Q(first_code="") & ~Q(second_code="")
    | Q(verdict="second_wrong") & ~Q(second_code="")
    | Q(verdict="unsure", first_code="", second_code="")
)


class ChangeRound(models.Model):
    """One ranking of ground that may have changed; opening the next one closes it."""

    class Source(models.TextChoices):
        MAPS = "maps", _("two published maps")
        LABELS = "labels", _("labels of both dates")

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="change_rounds")
    pair = models.ForeignKey("annotation.VintagePair", on_delete=models.PROTECT, related_name="change_rounds")
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=8, choices=Source.choices)
    first_map = models.CharField(max_length=120, blank=True)  # version of the model that drew it, where a map is asked
    second_map = models.CharField(max_length=120, blank=True)
    control_share = models.FloatField()  # share of the tickets that are drawn at random
    seed = models.BigIntegerField()
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="change_round_number_unique"),
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(closed_at__isnull=True), name="change_round_one_open_a_campaign"
            ),
            models.CheckConstraint(
                condition=Q(control_share__gte=0, control_share__lt=1), name="change_control_share_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} change {self.number}"


class ChangeTicket(models.Model):
    """The right to answer a tile's cells once, at a rank: a tile wanted by k people has k, one a slot.

    Who holds it stands in its own row, so that one statement takes it and nobody takes it twice.
    """

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        VOID = "void"

    round = models.ForeignKey(ChangeRound, on_delete=models.CASCADE, related_name="tickets")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.CASCADE, related_name="change_tickets")
    slot = models.PositiveSmallIntegerField()
    rank = models.PositiveIntegerField()  # lower is sooner
    score = models.FloatField()  # of its highest cell
    is_control = models.BooleanField()
    probability = models.FloatField()  # with which a control tile was drawn; 1 where the score chose it
    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    held_until = models.DateTimeField(null=True, blank=True)
    # Earlier labels that were carried onto the whole tile, by one key.
    copies_all = models.BooleanField(default=False)

    class Meta:
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint(fields=["round", "rank"], name="change_ticket_place_unique"),
            models.UniqueConstraint(fields=["round", "tile", "slot"], name="change_ticket_slot_given_once"),
            models.UniqueConstraint(
                fields=["round", "tile", "holder"],
                condition=Q(holder__isnull=False),
                name="change_ticket_one_a_person_a_tile",
            ),
            models.CheckConstraint(
                condition=Q(probability__gt=0, probability__lte=1), name="change_ticket_probability_is_one"
            ),
        ]
        indexes = [
            models.Index(fields=["round", "rank"], name="change_ticket_open", condition=Q(state="open")),
            models.Index(fields=["holder", "held_until"], name="change_ticket_held", condition=Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"{self.round} rank {self.rank}"


class ChangeOffer(models.Model):
    """A ticket given to a person, as it happened: whoever was given one may still answer when it has lapsed. Rows are
    only added (database trigger).
    """

    ticket = models.ForeignKey(ChangeTicket, on_delete=models.CASCADE, related_name="offers")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    offered_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["annotator", "ticket"], name="change_offer_to")]

    def __str__(self) -> str:
        return f"{self.ticket} to {self.annotator}"


class ChangeCell(models.Model):
    """A piece of ground of one tile of the later layer, with the class that each date is said to show."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting for answers")
        REVIEW = "review", _("waiting for a maintainer")
        SETTLED = "settled", _("settled")

    round = models.ForeignKey(ChangeRound, on_delete=models.CASCADE, related_name="cells")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="change_cells")
    rings = models.JSONField()  # integer rings in 1/8 pixel of the later layer, from the tile's corner
    area_m2 = models.FloatField()
    # What labels or maps say; "": nothing.
    first_code = models.CharField(max_length=60, blank=True)
    second_code = models.CharField(max_length=60, blank=True)
    score = models.FloatField()
    doubt = models.FloatField(null=True, blank=True)  # of the maps, 0 to 1, where maps are compared
    is_control = models.BooleanField(default=False)
    probability = models.FloatField(default=1.0)
    # What came of the answers, computed from them and from a maintainer's word (annotation.services.change_outcomes).
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    verdict = models.CharField(max_length=12, choices=ChangeVerdict.choices, blank=True)
    first_truth = models.CharField(max_length=60, blank=True)
    second_truth = models.CharField(max_length=60, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(probability__gt=0, probability__lte=1), name="change_cell_probability_is_one"
            ),
            models.CheckConstraint(
                condition=Q(state="settled", decided_at__isnull=False) & ~Q(verdict="")
                | ~Q(state="settled") & Q(verdict="", first_truth="", second_truth="", decided_at__isnull=True),
                name="change_cell_settled_by_a_verdict",
            ),
        ]
        indexes = [
            models.Index(fields=["round", "tile"], name="change_cell_of_tile"),
            models.Index(fields=["round", "-score"], name="change_cell_to_review", condition=Q(state="review")),
        ]

    def __str__(self) -> str:
        return f"{self.first_code or '?'} → {self.second_code or '?'} on {self.tile}"


class ChangeAnswer(models.Model):
    """What one person said of one cell. Rows are only added; taking one back says so once, on its own row (trigger)."""

    cell = models.ForeignKey(ChangeCell, on_delete=models.PROTECT, related_name="answers")
    ticket = models.ForeignKey(ChangeTicket, on_delete=models.PROTECT, related_name="answers")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="change_answers")
    operation_id = models.UUIDField()  # of the client's write: sent twice, it happens once
    verdict = models.CharField(max_length=12, choices=ChangeVerdict.choices)
    first_code = models.CharField(max_length=60, blank=True)  # what was there, as this person says
    second_code = models.CharField(max_length=60, blank=True)
    is_extra = models.BooleanField(default=False)  # it came after others had been given the place: kept, not counted
    seconds = models.FloatField()
    licence = models.CharField(max_length=30)
    created_at = models.DateTimeField(auto_now_add=True)
    taken_back_at = models.DateTimeField(null=True, blank=True)

    objects = ChangeAnswerQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cell", "annotator"],
                condition=Q(taken_back_at__isnull=True),
                name="change_answer_once_a_person",
            ),
            models.UniqueConstraint(fields=["operation_id", "cell"], name="change_answer_once_an_operation"),
            models.CheckConstraint(condition=CODES_FOLLOW_VERDICT, name="change_answer_codes_follow_verdict"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="change_answer_seconds_sane"),
        ]
        indexes = [models.Index(fields=["annotator", "-created_at"], name="change_answer_mine")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.annotator} on cell {self.cell_id}"


class ChangeReview(models.Model):
    """A maintainer's word on a cell whose answers differ, or that nobody else confirmed. Rows are only added."""

    cell = models.ForeignKey(ChangeCell, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="change_reviews")
    verdict = models.CharField(max_length=12, choices=ChangeVerdict.choices)
    first_code = models.CharField(max_length=60, blank=True)
    second_code = models.CharField(max_length=60, blank=True)
    comment = models.CharField(max_length=1000, blank=True)
    licence = models.CharField(max_length=30)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ChangeReviewQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["cell", "reviewer"], name="change_review_once_a_reviewer"),
            models.CheckConstraint(condition=CODES_FOLLOW_VERDICT, name="change_review_codes_follow_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer} on cell {self.cell_id}"
