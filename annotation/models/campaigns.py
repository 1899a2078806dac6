"""Campaigns and the tiles they have had to write down; all other tiles are virtual (docs/adr/0004)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotation.core.grid import PixelWindow, TileGrid
from annotation.querysets import CampaignQuerySet


class Campaign(models.Model):
    """People labelling one imagery layer with one nomenclature, cut into tiles on the imagery's own pixels."""

    class ReviewPolicy(models.TextChoices):
        REVIEW = "review", _("every submission is reviewed")
        NONE = "none", _("submissions are accepted as they come")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    layer = models.ForeignKey("annotation.ImageryLayer", on_delete=models.PROTECT, related_name="campaigns")
    nomenclature = models.ForeignKey("annotation.Nomenclature", on_delete=models.PROTECT, related_name="campaigns")
    tile_px = models.PositiveSmallIntegerField()
    n_rows = models.PositiveIntegerField()
    n_cols = models.PositiveIntegerField()
    n_usable = models.PositiveIntegerField()  # tiles with enough valid pixels
    redundancy = models.PositiveSmallIntegerField(default=1)
    review_policy = models.CharField(max_length=10, choices=ReviewPolicy.choices, default=ReviewPolicy.REVIEW)
    first_reviewed = models.PositiveSmallIntegerField(default=3)  # of a newcomer's tiles; then their work counts
    control_share = models.FloatField(default=0.2)  # share of a round's tickets that are hold-out tiles
    random_share = models.FloatField(default=0.1)  # share of a round's pool tickets drawn at random
    blind_share = models.FloatField(default=0.0)  # share of pool tiles labelled without help (docs/adr/0017)
    # Tiles that a person must have had accepted here before they get the hardest ones; 0: nobody is a newcomer.
    newcomer_tiles = models.PositiveSmallIntegerField(default=0)
    gold_share = models.FloatField(default=0.1)  # share of what a person is given that is gold (docs/adr/0022)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    seed = models.BigIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(redundancy__gte=1, redundancy__lte=15), name="campaign_redundancy_1_15"),
            models.CheckConstraint(condition=Q(tile_px__gte=64, tile_px__lte=2048), name="campaign_tile_px_64_2048"),
            models.CheckConstraint(
                condition=Q(control_share__gte=0, control_share__lt=1, random_share__gte=0, random_share__lte=1),
                name="campaign_shares_are_shares",
            ),
            models.CheckConstraint(
                condition=Q(blind_share__gte=0, blind_share__lte=1), name="campaign_blind_share_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(gold_share__gte=0, gold_share__lte=0.5), name="campaign_gold_share_at_most_half"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def tile_grid(self) -> TileGrid:
        """The campaign's tiles as the pure core knows them."""
        return TileGrid(pixels=self.layer.pixel_grid, tile_px=self.tile_px)


class Membership(models.Model):
    """What a person may do in a campaign beyond labelling, which anyone signed in may do."""

    class Role(models.TextChoices):
        ANNOTATOR = "annotator", _("annotator")
        REVIEWER = "reviewer", _("reviewer")
        MAINTAINER = "maintainer", _("maintainer")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "user"], name="membership_one_a_person")]

    def __str__(self) -> str:
        return f"{self.user} {self.role} in {self.campaign}"


class Holdout(models.Model):
    """The probability sample of tiles kept for evaluation, drawn before anything else in a campaign."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="holdout")
    block_tiles = models.PositiveSmallIntegerField()
    buffer_tiles = models.PositiveSmallIntegerField()
    fraction = models.FloatField()
    seed = models.BigIntegerField()
    inclusion_probability = models.FloatField()
    blocks = models.JSONField()  # [[block_row, block_col], …]
    n_tiles = models.PositiveIntegerField()
    drawn_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(inclusion_probability__gt=0, inclusion_probability__lte=1),
                name="holdout_probability_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"hold-out of {self.campaign}: {self.n_tiles} tiles"


class Tile(models.Model):
    """A tile that is in the hold-out, in a queue, picked or labelled; its role never changes (database trigger)."""

    class Role(models.TextChoices):
        POOL = "pool", _("pool")
        HOLDOUT = "holdout", _("hold-out")
        BUFFER = "buffer", _("buffer around the hold-out")

    class State(models.TextChoices):
        OPEN = "open", _("to do")
        SUBMITTED = "submitted", _("waiting for review")
        SENT_BACK = "sent_back", _("sent back")
        ACCEPTED = "accepted", _("accepted")
        UNUSABLE = "unusable", _("reported unusable")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="tiles")
    row = models.PositiveIntegerField()
    col = models.PositiveIntegerField()
    # A tile split in four keeps its row; each quarter has one of its own, at the same place (docs/adr/0028).
    part = models.PositiveSmallIntegerField(default=0, db_default=0)  # 0: whole; 1 to 4: a quarter, as one reads
    whole = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="quarters", db_index=False
    )
    role = models.CharField(max_length=8, choices=Role.choices)
    inclusion_probability = models.FloatField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    priority = models.FloatField(null=True, blank=True)  # mean pixel score, as of the latest round that has one of it
    footprint = models.PolygonField(srid=4326)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "row", "col", "part"], name="tile_one_row_a_part"),
            models.CheckConstraint(
                condition=Q(part=0, whole__isnull=True) | Q(part__gte=1, part__lte=4, whole__isnull=False),
                name="tile_quarter_has_whole",
            ),
            models.CheckConstraint(
                condition=~Q(role="holdout") | Q(inclusion_probability__isnull=False),
                name="tile_holdout_has_probability",
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "state", "part"], name="tile_by_state"),
            models.Index(fields=["whole"], name="tile_quarters", condition=Q(whole__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.campaign.slug} r{self.row} c{self.col}" + (f" quarter {self.part}" if self.part else "")

    @property
    def px(self) -> int:
        """The side in pixels: half the campaign's for a quarter."""
        return self.campaign.tile_px // 2 if self.part else self.campaign.tile_px

    @property
    def grid(self) -> TileGrid:
        """The tiles of this one's size, on which it is at `place`."""
        return TileGrid(pixels=self.campaign.layer.pixel_grid, tile_px=self.px)

    @property
    def place(self) -> tuple[int, int]:
        """Row and column on `grid`; for a quarter they are not those of its whole."""
        if self.part == 0:
            return self.row, self.col
        down, right = divmod(self.part - 1, 2)
        return 2 * self.row + down, 2 * self.col + right

    @property
    def window(self) -> PixelWindow:
        """The tile's pixels on the layer."""
        return self.grid.window(*self.place)

    @property
    def words(self) -> str:
        """The tile's place as people read it."""
        if self.part:
            words = gettext("row %(row)s, column %(col)s, quarter %(part)s")
            return words % {"row": self.row, "col": self.col, "part": self.part}
        return gettext("row %(row)s, column %(col)s") % {"row": self.row, "col": self.col}

    @property
    def file_name(self) -> str:
        """What files made of this tile are called within a folder of the campaign's."""
        return f"{self.row}-{self.col}" + (f"-{self.part}" if self.part else "")


class CampaignWeek(models.Model):
    """What was done in a campaign in one week, counted once the week was over; it stays as it was counted."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="weeks")
    monday = models.DateField()  # in universal time
    handed_in = models.PositiveIntegerField()
    accepted = models.PositiveIntegerField()
    people = models.PositiveIntegerField()  # who handed something in

    class Meta:
        ordering = ["monday"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "monday"], name="campaign_week_counted_once"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} from {self.monday}"
