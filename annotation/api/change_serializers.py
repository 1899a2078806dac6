"""Bodies of the API of change between two vintages (docs/adr/0051)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from annotation.api.serializers import LayerSerializer, TileSerializer
from annotation.models import ChangeCell, ChangeRound, ChangeVerdict
from annotation.services.change_queue import MOST_HELD
from annotation.services.change_rounds import MOST_CELLS_A_TILE
from annotation.services.validations import LONGEST_LOOK_S

Code = serializers.CharField


class PairShiftSerializer(serializers.Serializer[Any]):
    """How far the later layer lies from the earlier one on the ground, in metres, measured at some windows."""

    east_m = serializers.FloatField()
    south_m = serializers.FloatField()
    spread_m = serializers.FloatField(help_text="Within which distance of the shift 95 % of the windows lie.")
    windows = serializers.IntegerField()
    is_large = serializers.BooleanField(help_text="More than a pixel of the coarser layer.")


class ChangePairSerializer(serializers.Serializer[Any]):
    """The two vintages of a round, with what one should know before comparing them."""

    id = serializers.IntegerField()
    first = LayerSerializer()
    second = LayerSerializer()
    shift = PairShiftSerializer(allow_null=True, help_text="Null where it was not measured of the layers as they are.")


class ChangeCountsSerializer(serializers.Serializer[Any]):
    """Cells of the round by state, and settled ones by what they are settled as."""

    open = serializers.IntegerField()
    review = serializers.IntegerField()
    settled = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    changed = serializers.IntegerField()
    first_wrong = serializers.IntegerField()
    second_wrong = serializers.IntegerField()
    unsure = serializers.IntegerField()


class ChangeRoundSerializer(serializers.Serializer[Any]):
    """The open round of questions."""

    number = serializers.IntegerField()
    source = serializers.ChoiceField(ChangeRound.Source.choices)  # type: ignore[assignment]
    first_map = serializers.CharField(allow_blank=True, help_text="Version of the model whose map was compared.")
    second_map = serializers.CharField(allow_blank=True)
    control_share = serializers.FloatField()
    opened_at = serializers.DateTimeField()
    pair = ChangePairSerializer()
    counts = ChangeCountsSerializer()


class ChangeDeskSerializer(serializers.Serializer[Any]):
    """What is asked about in a campaign now; `round` is null while nothing is."""

    round = ChangeRoundSerializer(allow_null=True)
    mine = serializers.IntegerField(help_text="Answers of the caller in this round.")


class ChangeCellSerializer(serializers.Serializer[Any]):
    """A piece of ground, on the tile's integer grid (1/8 pixel of the later layer)."""

    id = serializers.IntegerField()
    rings = serializers.ListField(
        child=serializers.ListField(
            child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
        )
    )
    first_code = Code(allow_blank=True, help_text="Class at the earlier date; empty where nothing says it.")
    second_code = Code(allow_blank=True)
    score = serializers.FloatField()
    doubt = serializers.FloatField(allow_null=True)
    area_m2 = serializers.FloatField()


class ChangeWhySerializer(serializers.Serializer[Any]):
    """Why this tile is asked about."""

    is_control = serializers.BooleanField()
    probability = serializers.FloatField()
    score = serializers.FloatField()
    rank = serializers.IntegerField()


class ChangeFirstSerializer(serializers.Serializer[Any]):
    """Where the tile lies on the earlier layer, and when that ground was photographed."""

    origin_px = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    scale = serializers.FloatField(help_text="Pixels of the earlier layer to one of the later.")
    acquired_on = serializers.DateField(allow_null=True)


class ChangeTaskSerializer(serializers.Serializer[Any]):
    """A tile with the cells that are asked of the caller."""

    ticket = serializers.IntegerField()
    held_until = serializers.DateTimeField()
    tile = TileSerializer()
    first = ChangeFirstSerializer()
    why = ChangeWhySerializer()
    cells = ChangeCellSerializer(many=True)


class ChangeTasksSerializer(serializers.Serializer[Any]):
    """The tiles that the caller holds, best first."""

    tasks = ChangeTaskSerializer(many=True)


class ChangeWantedSerializer(serializers.Serializer[Any]):
    """How many tiles to hold."""

    wanted = serializers.IntegerField(min_value=1, max_value=MOST_HELD, default=2)


class ChangeAnswerSerializer(serializers.Serializer[Any]):
    """An answer on one cell. A code that is empty is what the cell says."""

    feature_id = serializers.RegexField(r"^[0-9]{1,18}$", help_text="The cell's id.")
    verdict = serializers.ChoiceField(ChangeVerdict.choices)
    first_code = Code(max_length=60, allow_blank=True, default="")
    second_code = Code(max_length=60, allow_blank=True, default="")
    seconds = serializers.FloatField(min_value=0, max_value=LONGEST_LOOK_S, default=0.0)


class ChangeAnswersSerializer(serializers.Serializer[Any]):
    """Answers on cells of one tile."""

    operation_id = serializers.UUIDField()
    answers = serializers.ListField(child=ChangeAnswerSerializer(), min_length=1, max_length=MOST_CELLS_A_TILE)
    copies_all = serializers.BooleanField(
        default=False, help_text="Nothing changed on the whole tile: its earlier labels are carried over."
    )


class ChangeRecordedSerializer(serializers.Serializer[Any]):
    """What was stored, and whether the labels that came of it are handed in."""

    stored = serializers.IntegerField()
    remaining = serializers.IntegerField()
    handed_in = serializers.BooleanField()


class ChangeSaidSerializer(serializers.Serializer[Any]):
    """What one person answered."""

    who = serializers.CharField(help_text="Random id of a contributor.")
    verdict = serializers.ChoiceField(ChangeVerdict.choices)
    first_code = Code(allow_blank=True)
    second_code = Code(allow_blank=True)


class ChangeReviewTaskSerializer(serializers.Serializer[Any]):
    """A cell that waits for a maintainer, with what was answered."""

    tile = TileSerializer()
    first = ChangeFirstSerializer()
    cell = ChangeCellSerializer()
    answers = ChangeSaidSerializer(many=True)
    waiting = serializers.IntegerField(help_text="Cells that wait for the caller, this one included.")


class ChangeRulingSerializer(serializers.Serializer[Any]):
    """What a maintainer says of a cell."""

    verdict = serializers.ChoiceField(ChangeVerdict.choices)
    first_code = Code(max_length=60, allow_blank=True, default="")
    second_code = Code(max_length=60, allow_blank=True, default="")
    comment = serializers.CharField(max_length=1000, allow_blank=True, default="")


class ChangeSettledSerializer(serializers.Serializer[Any]):
    """A cell as it now stands."""

    state = serializers.ChoiceField(ChangeCell.State.choices)
    verdict = serializers.ChoiceField(ChangeVerdict.choices)
