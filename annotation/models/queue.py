"""The queue: ranked tickets of a round, and the leases people hold on tiles (docs/adr/0004)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.gis.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from annotation.querysets import TicketQuerySet


class QueueRound(models.Model):
    """One ranking of a campaign's tiles; opening the next one closes it."""

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField()
    function = models.CharField(max_length=40)  # acquisition function, or "initial"
    # What tickets' scores are the mean of.
    pixel_score = models.CharField(max_length=32, default="entropy", db_default="entropy")
    model_version = models.CharField(max_length=120, blank=True)
    random_share = models.FloatField(default=0.0)
    control_share = models.FloatField(default=0.0)
    seed = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="round_number_unique"),
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(closed_at__isnull=True), name="round_one_open_a_campaign"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} round {self.number}"


class Ticket(models.Model):
    """The right to label a tile once, at a rank. A tile wanted by k people has k tickets, one a slot."""

    class Kind(models.TextChoices):
        UNCERTAINTY = "uncertainty", _("the model doubts here")
        SUSPECT = "suspect", _("the model may be wrong here")
        RANDOM = "random", _("drawn at random")
        CONTROL = "control", _("control tile")
        INITIAL = "initial", _("first round")
        REPORTED = "reported", _("reported by someone")
        AREA = "area", _("in a priority area")
        PICKED = "picked", _("chosen on the map")

    class State(models.TextChoices):
        OPEN = "open"
        LEASED = "leased"
        DONE = "done"
        VOID = "void"

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="tickets")
    round = models.ForeignKey(QueueRound, on_delete=models.CASCADE, related_name="tickets")
    # Lower is sooner. Below zero: what is put first in an open round, reported places before all (docs/adr/0024, 0026).
    rank = models.IntegerField()
    part = models.PositiveSmallIntegerField(default=0, db_default=0)  # as the tile's: its quarters share a rank
    placed_at = models.DateTimeField(db_default=Now())  # at this rank
    tile = models.ForeignKey("annotation.Tile", on_delete=models.CASCADE, related_name="tickets")
    slot = models.PositiveSmallIntegerField()
    slots = models.PositiveSmallIntegerField()  # redundancy wanted when the ticket was written
    kind = models.CharField(max_length=12, choices=Kind.choices)
    score = models.FloatField(null=True, blank=True)
    probability = models.FloatField(null=True, blank=True)
    regions = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="pixel windows of the tile that are asked for, [col, row, width, height] each, most wanted first; "
        "empty: the whole tile",
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    leased_until = models.DateTimeField(null=True, blank=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["rank"]  # never across the round: a lock would then take the round and the campaign too
        constraints = [
            models.UniqueConstraint(fields=["round", "rank", "part"], name="ticket_place_unique"),
            # Redundancy is a property of the database: a tile has `slots` slots and each is given once.
            models.UniqueConstraint(fields=["tile", "slot"], condition=~Q(state="void"), name="ticket_slot_given_once"),
            models.CheckConstraint(condition=Q(slot__lt=F("slots")), name="ticket_slot_below_redundancy"),
        ]
        indexes = [
            models.Index(fields=["campaign", "rank", "part"], name="ticket_open_in_order", condition=Q(state="open")),
            models.Index(fields=["campaign", "leased_until"], name="ticket_leased", condition=Q(state="leased")),
            models.Index(fields=["round"], name="ticket_in_parts", condition=~Q(regions=[])),
        ]

    def __str__(self) -> str:
        return f"{self.round} rank {self.rank}"


class QueueMark(models.Model):
    """Where a campaign's claims begin to look: nothing they want lies before it (docs/adr/0021).

    A claimed ticket leaves a dead entry in the index that claims read, which stays there for as long as any older
    snapshot is open, an export say. Without a mark each claim would walk over all of them.
    """

    campaign = models.OneToOneField(
        "annotation.Campaign", primary_key=True, on_delete=models.CASCADE, related_name="queue_mark"
    )
    open_rank = models.IntegerField(default=0)  # no open ticket has a lower rank
    leased_from = models.DateTimeField(null=True, blank=True)  # no leased ticket lapses earlier; null: not known
    moved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.campaign} from rank {self.open_rank}"


class PriorityArea(models.Model):
    """Ground whose tiles a campaign's maintainers want labelled before the others, until they end it."""

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="priority_areas")
    name = models.CharField(max_length=120)
    ground = models.MultiPolygonField(srid=4326)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "name"], condition=Q(ended_at__isnull=True), name="priority_area_name_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TileOffer(models.Model):
    """A tile given to a person, as it happened: what the queue is held to afterwards (docs/adr/0026).

    Rows are never changed (database trigger). Renewing a lease offers nothing.
    """

    class Way(models.TextChoices):
        QUEUE = "queue", _("next in the queue")
        CHOSEN = "chosen", _("chosen by the person")
        TERRITORY = "territory", _("next where the person chose to label")
        SENT_BACK = "sent_back", _("sent back to its author")
        GOLD = "gold", _("gold tile")

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="offers")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.CASCADE, related_name="offers")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(Ticket, null=True, on_delete=models.CASCADE, related_name="offers")
    way = models.CharField(max_length=10, choices=Way.choices)
    newcomer = models.BooleanField()  # the person was new to the campaign, and given tiles accordingly
    ahead = models.BooleanField()
    # As the ticket was then: reports and priority areas may move it.
    rank = models.IntegerField(null=True)
    offered_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["campaign", "offered_at"], name="offer_by_time"),
            models.Index(fields=["ticket"], name="offer_of_ticket"),
        ]

    def __str__(self) -> str:
        return f"{self.tile} to {self.annotator}"


class Lease(models.Model):
    """One person on one tile, for as long as they work on it: to draw it, or to judge what a model drew there."""

    class Purpose(models.TextChoices):
        DRAW = "draw"
        VALIDATE = "validate"

    class State(models.TextChoices):
        ACTIVE = "active"
        KEPT = "kept"  # they began it and have not come to it yet: its ticket waits for them
        RELEASED = "released"
        DONE = "done"

    class Reason(models.TextChoices):
        LEFT = "left", _("left")
        SKIP = "skip", _("skipped")
        BAD_IMAGERY = "bad_imagery", _("imagery unusable")
        CANNOT_TELL = "cannot_tell", _("cannot tell what is there")

    token = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    tile = models.ForeignKey("annotation.Tile", on_delete=models.CASCADE, related_name="leases")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="leases")
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.DRAW)
    # Drawing takes a ticket; judging does not.
    ticket = models.ForeignKey(Ticket, null=True, blank=True, on_delete=models.SET_NULL, related_name="leases")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    ahead = models.BooleanField(default=False)
    # They went on with what they had begun though the tile has all the people it wants: it will be kept, not counted.
    extra = models.BooleanField(default=False, db_default=False)
    # As the person was shown them, by a ticket or with a gold tile; who goes on without a ticket goes on with the same.
    asked = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="pixel windows of the tile that its labels are asked for, as in a ticket; empty: the whole tile",
    )
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    release_reason = models.CharField(max_length=12, choices=Reason.choices, blank=True)
    comment = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tile", "annotator", "purpose"], name="lease_one_a_person_a_tile"),
            # Two people who judge one drawing at the same time would both be asked for nothing.
            models.UniqueConstraint(
                fields=["tile"], condition=Q(purpose="validate", state="active"), name="lease_one_validates_a_tile"
            ),
            models.CheckConstraint(condition=Q(purpose="draw") | Q(ticket__isnull=True), name="lease_ticket_to_draw"),
        ]
        indexes = [
            models.Index(fields=["annotator", "expires_at"], name="lease_active", condition=Q(state="active")),
            models.Index(fields=["annotator"], name="lease_kept", condition=Q(state="kept")),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} on {self.tile}"
