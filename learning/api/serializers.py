"""Bodies of the learning side's API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api.serializers import FeatureSerializer, JobSerializer
from annotation.models import QueueRound
from learning.models import Evaluation, ModelOrigin, RetrainingPolicy, TrainedModel, TrainingRun


class DraftFeatureSerializer(FeatureSerializer):
    """A polygon of a model's draft."""

    confidence = serializers.FloatField(min_value=0, max_value=1)


class DraftSerializer(serializers.Serializer[Any]):
    """A model's drawing of a tile."""

    model_version = serializers.CharField()
    features = DraftFeatureSerializer(many=True)


class StartTrainingSerializer(serializers.Serializer[Any]):
    """How to start a training run."""

    force = serializers.BooleanField(
        default=False, help_text="Train although nothing new was accepted, or the new batch looks suspect."
    )


class StartedSerializer(serializers.Serializer[Any]):
    """The job that was queued; follow it at jobs/{id}/."""

    job = JobSerializer()


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    """A training run."""

    training_set = serializers.IntegerField(source="training_set.number")
    n_tiles = serializers.IntegerField(source="training_set.n_tiles")
    job = serializers.UUIDField(source="job_id", allow_null=True)
    state = serializers.CharField(source="job.state", default=None, allow_null=True)
    model_version = serializers.CharField(source="trained_model.version", default=None, allow_null=True)
    loss_curve = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))

    class Meta:
        model = TrainingRun
        fields = [
            "id",
            "training_set",
            "n_tiles",
            "job",
            "state",
            "step",
            "loss_curve",
            "model_version",
            "code_commit",
            "seed",
            "created_at",
            "finished_at",
        ]


class RoundSerializer(serializers.ModelSerializer[QueueRound]):
    """A round of the queue with the loop's figures at that moment; the first has none of them."""

    labelled_tiles = serializers.IntegerField(source="acquisition.labelled_tiles", default=0)
    holdout_miou = serializers.FloatField(source="acquisition.holdout_miou", default=None, allow_null=True)
    published_miou = serializers.FloatField(source="acquisition.published_miou", default=None, allow_null=True)
    mean_entropy_nats = serializers.FloatField(source="acquisition.mean_entropy_nats", default=None, allow_null=True)
    promoted = serializers.BooleanField(source="acquisition.promoted", default=None, allow_null=True)
    candidate = serializers.CharField(
        source="acquisition.candidate.version",
        default=None,
        allow_null=True,
        help_text="The model trained before it, published or not.",
    )
    tickets = serializers.IntegerField(source="n_tickets")

    class Meta:
        model = QueueRound
        fields = [
            "number",
            "opened_at",
            "closed_at",
            "labelled_tiles",
            "function",
            "pixel_score",
            "model_version",
            "candidate",
            "holdout_miou",
            "published_miou",
            "mean_entropy_nats",
            "promoted",
            "tickets",
        ]


class GateReasonSerializer(serializers.Serializer[Any]):
    """One reason: a code that never changes, and its figures (IoU from 0 to 1)."""

    code = serializers.CharField()
    figures = serializers.DictField()


class GateSerializer(serializers.Serializer[Any]):
    """Why a model was or was not published; differences are of the mean IoU, candidate minus baseline."""

    promote = serializers.BooleanField()
    reason = serializers.CharField()
    reasons = GateReasonSerializer(many=True, default=list)
    tiles_needed = serializers.IntegerField(
        allow_null=True, default=None, help_text="Labelled control tiles that would settle a hold."
    )
    shadow = serializers.BooleanField(default=False, help_text="It waits for a maintainer to publish it.")
    delta = serializers.FloatField(allow_null=True, default=None)
    low = serializers.FloatField(allow_null=True, default=None)
    high = serializers.FloatField(allow_null=True, default=None)
    baseline = serializers.CharField(allow_null=True, default=None)
    against = serializers.CharField(allow_null=True, default=None)
    n_tiles = serializers.IntegerField(default=0)


class OriginSerializer(serializers.ModelSerializer[ModelOrigin]):
    """Where a model comes from that was not trained here."""

    title = serializers.DictField(child=serializers.CharField(), help_text="By language")
    seen = serializers.DictField(
        child=serializers.CharField(), help_text="By language: what the training of these weights has seen"
    )
    seen_here = serializers.BooleanField(allow_null=True, help_text="Whether that includes this campaign's ground")

    class Meta:
        model = ModelOrigin
        fields = [
            "source", "variant", "title", "published_as", "address", "licence", "attribution", "seen", "seen_here",
            "source_sha256", "bands", "created_at",
        ]  # fmt: skip


class WholeOriginSerializer(OriginSerializer):
    """Where a model comes from, with what became of each class."""

    class_codes = serializers.ListField(child=serializers.CharField())
    rows = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="By class code, the channels of the published network that say it; none: it is never said",
    )
    left_out = serializers.DictField(
        child=serializers.CharField(), help_text="By channel that no class here has, why (in English)"
    )

    class Meta(OriginSerializer.Meta):
        fields = [*OriginSerializer.Meta.fields, "file_name", "class_codes", "rows", "left_out"]


class ImportModelSerializer(serializers.Serializer[Any]):
    """How a file of weights is to be read, as parameters of the address: the body is the file itself."""

    source = serializers.CharField(max_length=60, default="flair_inc")  # type: ignore[assignment]
    variant = serializers.CharField(max_length=60)
    file_name = serializers.CharField(max_length=200, default="weights.safetensors")
    bands = serializers.CharField(
        max_length=500, allow_blank=True, default="",
        help_text="The imagery's bands in the order of the variant's, with commas; empty: the same names",
    )  # fmt: skip
    seen_here = serializers.BooleanField(
        allow_null=True, default=None, help_text="Whether the weights have learnt from this campaign's ground"
    )
    publish_unjudged = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")


class PublishModelSerializer(serializers.Serializer[Any]):
    """Publish a model; an imported one that cannot be judged yet with a reason, which is kept and shown."""

    unjudged_reason = serializers.CharField(max_length=500, allow_blank=True, default="")


class ModelSerializer(serializers.ModelSerializer[TrainedModel]):
    """A trained model, with its latest figures on the hold-out."""

    version = serializers.CharField()
    miou = serializers.FloatField(allow_null=True)
    miou_low = serializers.FloatField(allow_null=True)
    miou_high = serializers.FloatField(allow_null=True)
    overall_accuracy = serializers.FloatField(allow_null=True)
    holdout_tiles = serializers.IntegerField(allow_null=True)
    prediction = serializers.IntegerField(source="prediction_id", allow_null=True)
    training_set = serializers.IntegerField(source="training_set.number", allow_null=True, default=None)
    training_tiles = serializers.IntegerField()
    origin = OriginSerializer(allow_null=True)
    judged = serializers.BooleanField(
        source="is_judged", help_text="Imported weights may be published before there is anything to judge them by."
    )
    gate = serializers.SerializerMethodField()

    class Meta:
        model = TrainedModel
        fields = [
            "version",
            "number",
            "state",
            "outcome",
            "sha256",
            "temperature",
            "training_set",
            "training_tiles",
            "origin",
            "judged",
            "miou",
            "miou_low",
            "miou_high",
            "overall_accuracy",
            "holdout_tiles",
            "gate",
            "prediction",
            "created_at",
            "decided_at",
        ]

    @extend_schema_field(GateSerializer(allow_null=True))
    def get_gate(self, model: TrainedModel) -> dict[str, Any] | None:
        """The decision; None while it is pending."""
        return dict(GateSerializer(model.gate).data) if model.gate else None


class FiguresSerializer(serializers.ModelSerializer[Evaluation]):
    """A model's figures on the hold-out; shares from 0 to 1, null where there is none. Matrices have truth in rows."""

    interval_unit = serializers.CharField(source="intervals.unit", default="")
    interval_units = serializers.IntegerField(source="intervals.n_units", default=None, allow_null=True)

    class Meta:
        model = Evaluation
        fields = [
            "holdout_sha256",
            "n_tiles",
            "interval_unit",
            "interval_units",
            "class_codes",
            "confusion",
            "miou",
            "miou_low",
            "miou_high",
            "overall_accuracy",
            "per_class",
            "levels",
            "territories",
            "calibration",
            "created_at",
        ]


class LearntFromSerializer(serializers.ModelSerializer[TrainingRun]):
    """What a model learnt from and how, so that the run can be done again."""

    training_set = serializers.IntegerField(source="training_set.number")
    training_set_sha256 = serializers.CharField(source="training_set.sha256")
    n_tiles = serializers.IntegerField(source="training_set.n_tiles")
    drawn_m2 = serializers.DictField(child=serializers.FloatField(), source="training_set.drawn_m2", allow_null=True)
    initial_model = serializers.CharField(source="initial_model.version", default=None, allow_null=True)
    loss_curve = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))

    class Meta:
        model = TrainingRun
        fields = [
            "training_set",
            "training_set_sha256",
            "n_tiles",
            "drawn_m2",
            "initial_model",
            "config",
            "seed",
            "code_commit",
            "step",
            "loss_curve",
            "finished_at",
        ]


class ModelPageSerializer(ModelSerializer):
    """One model with all that its page draws, but what it says of single control tiles."""

    figures = serializers.SerializerMethodField()
    origin = WholeOriginSerializer(allow_null=True)
    training = LearntFromSerializer(source="run", allow_null=True, help_text="Null for a model that was imported")

    class Meta(ModelSerializer.Meta):
        fields = [*ModelSerializer.Meta.fields, "figures", "training"]

    @extend_schema_field(FiguresSerializer(allow_null=True))
    def get_figures(self, model: TrainedModel) -> dict[str, Any] | None:
        """The latest; None while it is not judged."""
        latest = model.evaluations.defer("tile_confusions").order_by("-created_at", "-pk").first()
        return dict(FiguresSerializer(latest).data) if latest else None


class ExpectedGainSerializer(serializers.Serializer[Any]):
    """What the next labelled tiles are expected to add to the mean IoU, in points: mean ± one standard deviation."""

    more_tiles = serializers.IntegerField()
    points = serializers.FloatField()
    spread_points = serializers.FloatField()
    low = serializers.FloatField(help_text="Lower bound of the 95 % interval.")
    high = serializers.FloatField()
    below = serializers.FloatField(allow_null=True, help_text="Probability that it is below `stop_below_points`.")
    n_models = serializers.IntegerField()


class DriftSerializer(serializers.Serializer[Any]):
    """How far the classes of newly accepted labels have moved from what the last model learnt."""

    index = serializers.FloatField(help_text="Population stability index of class shares.")
    chance = serializers.FloatField(help_text="The index that chance alone stays below 95 times of 100.")
    moved_most = serializers.CharField()
    share_before = serializers.FloatField()
    share_after = serializers.FloatField()


class PolicySerializer(serializers.ModelSerializer[RetrainingPolicy]):
    """When a campaign retrains by itself, and what its models must be; a change names only what changes."""

    class_floors = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=1),
        required=False,
        help_text="Least IoU of a class for a model to be published, by class code.",
    )
    expected_gain = ExpectedGainSerializer(read_only=True, allow_null=True)
    drift = DriftSerializer(read_only=True, allow_null=True)

    class Meta:
        model = RetrainingPolicy
        fields = [
            "enabled",
            "period_hours",
            "min_newly_accepted",
            "round_size",
            "drift_index",
            "stop_below_points",
            "go_on_until_tiles",
            "shadow",
            "class_floors",
            "training",
            "last_considered_at",
            "last_refusal",
            "last_refusal_code",
            "last_refusal_figures",
            "expected_gain",
            "drift",
        ]
        read_only_fields = [
            "go_on_until_tiles",
            "training",
            "last_considered_at",
            "last_refusal",
            "last_refusal_code",
            "last_refusal_figures",
        ]
