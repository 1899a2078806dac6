"""The API's bodies. Output serializers document; input serializers also check shape (content is checked in core)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from annotation.models import Annotation, Campaign, Job, Lease, Review, Ticket, Tile


class FeatureSerializer(serializers.Serializer):
    """A labelled polygon on the tile's integer grid (1/8 pixel)."""

    id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,40}$")
    class_code = serializers.CharField()
    rings = serializers.ListField(
        child=serializers.ListField(
            child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
        )
    )
    provenance = serializers.ChoiceField(["drawn", "corrected", "accepted", "segment", "copied", "imported"])


class NomenclatureClassSerializer(serializers.Serializer):
    """A class."""

    code = serializers.CharField()
    parent: serializers.Field = serializers.CharField(source="parent_code", allow_blank=True)  # type: ignore[assignment]
    name = serializers.DictField(child=serializers.CharField())
    definition = serializers.DictField(child=serializers.CharField())
    colour = serializers.CharField()
    selectable = serializers.BooleanField()


class NomenclatureSerializer(serializers.Serializer):
    """A class tree."""

    code = serializers.CharField()
    version = serializers.CharField()
    classes = NomenclatureClassSerializer(many=True, source="classes.all")


class LayerSerializer(serializers.Serializer):
    """An imagery layer."""

    id = serializers.IntegerField()
    slug = serializers.CharField()
    title = serializers.CharField()
    vintage = serializers.IntegerField()
    acquired_on = serializers.DateField(allow_null=True)
    gsd_m = serializers.FloatField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    crs = serializers.CharField()
    bands = serializers.ListField(child=serializers.CharField())
    native_max_zoom = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Grows when ground is replaced.")
    map_version = serializers.CharField(help_text="Changes with any of the files: v in the address of a map tile.")
    licence = serializers.CharField()
    attribution = serializers.CharField()


class ProgressSerializer(serializers.Serializer):
    """How far a campaign is."""

    tiles_total = serializers.IntegerField()
    holdout_tiles = serializers.IntegerField()
    queued = serializers.IntegerField()
    in_progress = serializers.IntegerField()
    submitted = serializers.IntegerField()
    accepted = serializers.IntegerField()
    sent_back = serializers.IntegerField()


class CampaignSummarySerializer(serializers.ModelSerializer):
    """A campaign in a list."""

    class Meta:
        model = Campaign
        fields = ["slug", "title", "description", "state", "tile_px", "redundancy", "review_policy", "created_at"]


class CampaignSerializer(serializers.ModelSerializer):
    """A campaign with all that the studio needs to work in it."""

    layer = LayerSerializer()
    nomenclature = NomenclatureSerializer()
    progress = ProgressSerializer()
    my_role = serializers.ChoiceField(["annotator", "reviewer", "maintainer"], allow_null=True)

    class Meta:
        model = Campaign
        fields = [
            "slug", "title", "description", "state", "tile_px", "n_rows", "n_cols", "redundancy", "review_policy",
            "control_share", "random_share", "my_role", "layer", "nomenclature", "progress",
        ]  # fmt: skip


class ClaimSerializer(serializers.Serializer):
    """How to claim."""

    ahead = serializers.BooleanField(default=False)
    territory = serializers.RegexField(
        r"^[a-z]+:[A-Za-z0-9_-]+$", default=None, allow_null=True, max_length=40, help_text='As "commune:32013".'
    )


class PickSerializer(serializers.Serializer):
    """A place chosen on the map."""

    row = serializers.IntegerField(min_value=0)
    col = serializers.IntegerField(min_value=0)


class LeaseSerializer(serializers.Serializer):
    """A person's hold on a tile."""

    token = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    heartbeat_seconds = serializers.IntegerField()
    extra = serializers.BooleanField(help_text="Others have all its places: what is handed in is kept, not counted.")


class HeartbeatSerializer(serializers.Serializer):
    """The new end of a lease."""

    expires_at = serializers.DateTimeField()
    classes = serializers.CharField(help_text="Version of the campaign's classes: another one, and they have changed.")


class ReleaseLeaseSerializer(serializers.Serializer):
    """Why a tile is given back."""

    reason = serializers.ChoiceField(Lease.Reason.choices)
    comment = serializers.CharField(max_length=1000, allow_blank=True, default="")
    unless_renewed = serializers.DateTimeField(
        default=None, help_text="When the lease was to expire, as you know it: one renewed since is kept."
    )


class AskedField(serializers.ListField):
    """Parts of a tile that its labels are asked for."""

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "help_text",
            "Windows that are asked for, [col, row, width, height] in pixels of the tile, most wanted first; "
            "none: all of it.",
        )
        window = serializers.ListField(child=serializers.IntegerField(min_value=0), min_length=4, max_length=4)
        super().__init__(child=window, **options)


class TileSerializer(serializers.Serializer):
    """A tile's place."""

    id = serializers.IntegerField()
    campaign = serializers.CharField()
    row = serializers.IntegerField()
    col = serializers.IntegerField()
    part = serializers.IntegerField(help_text="0: the whole tile; 1 to 4: a quarter of it, as one reads.")
    tile_px = serializers.IntegerField(help_text="Side of what is drawn: of the quarter, where it is one.")
    origin_px = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    role_visible = serializers.ChoiceField(["pool", "control"])
    state = serializers.ChoiceField(Tile.State.choices)
    gsd_m = serializers.FloatField()
    bounds_wgs84 = serializers.ListField(child=serializers.FloatField(), min_length=4, max_length=4)
    acquired_on = serializers.DateField(allow_null=True, help_text="Day of the imagery, where it is known.")


class ReportedWordsSerializer(serializers.Serializer):
    """A wrong place that somebody reported."""

    class_code = serializers.CharField(allow_blank=True, help_text="Class that they say is there, if any.")
    comment = serializers.CharField(allow_blank=True)
    at = serializers.ListField(
        child=serializers.IntegerField(min_value=0), min_length=2, max_length=2, help_text="Subpixels of the tile."
    )


class WhySerializer(serializers.Serializer):
    """Why this tile is asked of this person."""

    kind = serializers.ChoiceField([*Ticket.Kind.values, "sent_back"])
    function = serializers.CharField(allow_blank=True)
    score = serializers.FloatField(allow_null=True)
    pixel_score = serializers.CharField(
        allow_blank=True, help_text="What the score is the mean of: entropy, margin, least_confidence or bald."
    )
    rank = serializers.IntegerField(allow_null=True)
    round = serializers.IntegerField(allow_null=True)
    model_version = serializers.CharField(allow_blank=True)
    probability = serializers.FloatField(allow_null=True)
    reports = ReportedWordsSerializer(many=True, help_text="What readers of the map said of this tile.")


class MarkSerializer(serializers.Serializer):
    """A place on the tile that a verdict speaks of."""

    at = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    reason = serializers.ChoiceField(Review.Reason.choices)
    comment = serializers.CharField(max_length=500, allow_blank=True, default="")


class OutcomeSerializer(serializers.Serializer):
    """The latest verdict on an annotation."""

    verdict = serializers.ChoiceField(Review.Verdict.choices)
    reason = serializers.CharField(allow_blank=True)
    comment = serializers.CharField(allow_blank=True)
    marks = MarkSerializer(many=True)
    at = serializers.DateTimeField()


class AnnotationSerializer(serializers.Serializer):
    """One person's labels of a tile."""

    version = serializers.IntegerField()
    state = serializers.ChoiceField(["new", *Annotation.State.values])
    features = FeatureSerializer(many=True)
    saved_at = serializers.DateTimeField(allow_null=True)
    review = OutcomeSerializer(allow_null=True)


class AssignmentSerializer(serializers.Serializer):
    """A tile to work on."""

    lease = LeaseSerializer(allow_null=True)
    tile = TileSerializer()
    why = WhySerializer(allow_null=True)
    asked = AskedField()
    annotation = AnnotationSerializer()
    draft_available = serializers.BooleanField()
    blind = serializers.BooleanField(help_text="Labelled without a model's draft or other vintages' labels.")
    other_vintages = serializers.BooleanField(help_text="People labelled this ground on other imagery.")


class OtherVintageSerializer(serializers.Serializer):
    """Labels of a tile's ground from one other campaign, on this tile's grid."""

    vintage = serializers.IntegerField()
    acquired_on = serializers.DateField(allow_null=True)
    layer = serializers.CharField()
    layer_title = serializers.CharField()
    campaign = serializers.CharField()
    features = FeatureSerializer(many=True)


class OtherVintagesSerializer(serializers.Serializer):
    """What other vintages show, newest first."""

    vintages = OtherVintageSerializer(many=True)


class SaveSerializer(serializers.Serializer):
    """A save. `features` is passed on as it came: the core's own parser refuses what is wrong, with its place."""

    operation_id = serializers.UUIDField()
    features = serializers.JSONField()
    seconds_spent = serializers.FloatField(min_value=0, max_value=86_400, default=0.0)
    draft_model = serializers.CharField(max_length=120, allow_null=True, allow_blank=True, required=False)
    views_seen = serializers.ListField(
        child=serializers.RegexField(r"^[A-Za-z0-9_-]{1,24}$"),
        max_length=16,
        default=list,
        help_text="Views of the imagery that were looked at, such as rgb or irc.",
    )
    classes = serializers.CharField(
        max_length=40,
        allow_null=True,
        default=None,
        help_text="Version of the classes that the features speak of: an earlier one is refused (classes_changed).",
    )


class GeoJSONSaveSerializer(serializers.Serializer):
    """A save in longitude and latitude (RFC 7946)."""

    operation_id = serializers.UUIDField()
    collection = serializers.JSONField()


class GeoJSONSavedSerializer(AnnotationSerializer):
    """What was stored, and how far the farthest vertex was moved to reach the tile's grid."""

    moved_m = serializers.FloatField()


class SubmitSerializer(serializers.Serializer):
    """A submission."""

    operation_id = serializers.UUIDField()


class OpinionSerializer(serializers.Serializer):
    """Why a second opinion is wanted."""

    by_author = serializers.BooleanField()
    comment = serializers.CharField()
    at = serializers.DateTimeField()


class SubmissionSerializer(serializers.Serializer):
    """Someone's submission, as a reviewer sees it."""

    annotation_id = serializers.IntegerField()
    tile = TileSerializer()
    author = serializers.CharField()
    submitted_at = serializers.DateTimeField()
    annotation = AnnotationSerializer()
    asked = AskedField()
    draft_available = serializers.BooleanField()
    opinions = OpinionSerializer(many=True)
    is_new_author = serializers.BooleanField()
    disagreement = serializers.FloatField(allow_null=True)
    reports = ReportedWordsSerializer(many=True, help_text="What readers of the map said of this tile.")


class BulkReviewSerializer(serializers.Serializer):
    """One verdict on several submissions."""

    class Chosen(serializers.Serializer):
        annotation_id = serializers.IntegerField()
        version = serializers.IntegerField()

    operation_id = serializers.UUIDField()
    submissions = Chosen(many=True, allow_empty=False)
    verdict = serializers.ChoiceField([Review.Verdict.ACCEPT, Review.Verdict.SEND_BACK])
    reason = serializers.ChoiceField([("", ""), *Review.Reason.choices], default="", allow_blank=True)
    comment = serializers.CharField(max_length=2000, allow_blank=True, default="")


class BulkReviewedSerializer(serializers.Serializer):
    """What became of each."""

    class Refused(serializers.Serializer):
        annotation_id = serializers.IntegerField()
        reason = serializers.CharField()

    recorded = serializers.ListField(child=serializers.IntegerField())
    refused = Refused(many=True)


class SecondOpinionSerializer(serializers.Serializer):
    """Why another reviewer should decide."""

    comment = serializers.CharField(max_length=2000)


class ReviewInputSerializer(serializers.Serializer):
    """A verdict."""

    operation_id = serializers.UUIDField()
    verdict = serializers.ChoiceField(Review.Verdict.choices)
    reason = serializers.ChoiceField([("", ""), *Review.Reason.choices], default="", allow_blank=True)
    comment = serializers.CharField(max_length=2000, allow_blank=True, default="")
    marks = MarkSerializer(many=True, default=list)


class CorrectionInputSerializer(serializers.Serializer):
    """A submission as its reviewer corrects it."""

    operation_id = serializers.UUIDField()
    features = serializers.JSONField()


class CorrectionSerializer(serializers.Serializer):
    """A submission with the reviewer's correction of it so far."""

    annotation_id = serializers.IntegerField()
    tile = TileSerializer()
    author = serializers.CharField()
    submitted_version = serializers.IntegerField()
    version = serializers.IntegerField()
    features = serializers.JSONField()
    saved_at = serializers.DateTimeField(allow_null=True)
    asked = AskedField()
    draft_available = serializers.BooleanField()
    blind = serializers.BooleanField()


class ReviewedSerializer(serializers.Serializer):
    """What became of the submission."""

    verdict = serializers.ChoiceField(Review.Verdict.choices)
    state = serializers.ChoiceField(Annotation.State.choices)


class MyAnnotationSerializer(serializers.Serializer):
    """A line of "my work"."""

    tile_id = serializers.IntegerField()
    campaign = serializers.CharField()
    row = serializers.IntegerField()
    col = serializers.IntegerField()
    part = serializers.IntegerField(help_text="0: the whole tile; 1 to 4: a quarter of it.")
    state = serializers.ChoiceField(Annotation.State.choices)
    version = serializers.IntegerField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    review = OutcomeSerializer(allow_null=True)


class MeSerializer(serializers.Serializer):
    """The caller."""

    username = serializers.CharField()
    public_id = serializers.CharField()
    language = serializers.CharField()
    roles = serializers.DictField(child=serializers.CharField())
    validations = serializers.IntegerField()
    is_staff = serializers.BooleanField()


class JobSerializer(serializers.ModelSerializer):
    """A job's state."""

    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = ["id", "kind", "state", "progress", "message", "error", "result", "created_at", "finished_at"]

    def get_error(self, job: Job) -> str:
        """The first line; the rest is for the operator's log."""
        return job.error.split("\n", 1)[0]


class ErrorBodySerializer(serializers.Serializer):
    """What went wrong."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


class ErrorSerializer(serializers.Serializer):
    """Every error has this shape."""

    error = ErrorBodySerializer()
