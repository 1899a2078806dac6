"""Bodies of the API about gold tiles, reliability and agreement."""

from __future__ import annotations

from rest_framework import serializers

from annotation.core.reliability import Decision


class GoldSerializer(serializers.Serializer):
    """A gold tile."""

    id = serializers.IntegerField()
    tile_id = serializers.IntegerField()
    row = serializers.IntegerField()
    col = serializers.IntegerField()
    author = serializers.CharField(help_text="Public id of whoever drew the labels taken for the truth.")
    note = serializers.CharField(allow_blank=True)
    marked_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)
    faulty = serializers.BooleanField(help_text="Its labels were wrong: what people did there does not count.")
    n_people = serializers.IntegerField(help_text="People who handed it in.")


class MarkGoldSerializer(serializers.Serializer):
    """Which labels to take for the truth."""

    annotation_id = serializers.IntegerField()
    note = serializers.CharField(max_length=500, allow_blank=True, default="")


class RetireGoldSerializer(serializers.Serializer):
    """Why a gold tile is given no more."""

    faulty = serializers.BooleanField(default=False)


class ClassReliabilitySerializer(serializers.Serializer):
    """How often what a person calls a class is that class."""

    class_code = serializers.CharField()
    mean = serializers.FloatField()
    low = serializers.FloatField(help_text="90 % credible interval.")
    high = serializers.FloatField()
    tiles = serializers.FloatField(help_text="Gold tiles behind it; a tile with little of the class is less than one.")
    weight = serializers.FloatField(help_text="What their labels of this class count in votes and in training.")


class PersonReliabilitySerializer(serializers.Serializer):
    """One person's figures on gold tiles."""

    contributor = serializers.CharField()
    tiles = serializers.IntegerField()
    passed = serializers.IntegerField()
    test = serializers.ChoiceField([decision.value for decision in Decision])
    classes = ClassReliabilitySerializer(many=True)


class OwnReliabilitySerializer(serializers.Serializer):
    """One's own figures in one campaign, as of the beginning of the day (UTC)."""

    campaign = serializers.CharField()
    tiles = serializers.IntegerField()
    passed = serializers.IntegerField()
    classes = ClassReliabilitySerializer(many=True)


class PersonAgreementSerializer(serializers.Serializer):
    """How often a person says what the others say."""

    contributor = serializers.CharField()
    compared_px = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class ContestedTileSerializer(serializers.Serializer):
    """A tile that several people labelled."""

    tile_id = serializers.IntegerField()
    row = serializers.IntegerField()
    col = serializers.IntegerField()
    part = serializers.IntegerField(help_text="Which quarter of the tile, 1 to 4; 0 for the whole.")
    n_people = serializers.IntegerField()
    differing = serializers.FloatField(help_text="Share of the ground that two label or more on which not all agree.")
    alpha = serializers.FloatField(allow_null=True)


class AgreementSerializer(serializers.Serializer):
    """How far a campaign's people agree, as last counted."""

    n_tiles = serializers.IntegerField()
    compared_px = serializers.IntegerField()
    alpha = serializers.FloatField(allow_null=True, help_text="Krippendorff's alpha; null where it is undefined.")
    differing = serializers.FloatField(allow_null=True)
    staple_differs = serializers.FloatField(
        allow_null=True, help_text="Share of the pixels compared where the vote and STAPLE give different labels."
    )
    iou = serializers.DictField(child=serializers.FloatField())
    pairs = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))
    people = PersonAgreementSerializer(many=True)
    contested = ContestedTileSerializer(many=True)
