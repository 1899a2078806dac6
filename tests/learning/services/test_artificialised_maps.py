"""Which cover a map's classes are, by their own code, by a mapping, or by what stands above them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learning_rows import labelled_campaign, model_row, ready_map

from annotation.models import Nomenclature, NomenclatureClass
from annotation.services.nomenclatures import DATA_FOLDER, load_mapping_file, load_nomenclature_file
from learning.core.artificialisation import shipped_artificialisation_rule
from learning.errors import NoCoverMapping
from learning.models import Prediction, TrainingSet
from learning.services.artificialised_maps import covers_of

pytestmark = pytest.mark.django_db


def mapped(codes: list[str], nomenclature: Nomenclature | None = None) -> Prediction:
    scene = labelled_campaign()
    made = ready_map(model_row(scene.campaign, state="promoted"), np.zeros((16, 16), np.float32))
    TrainingSet.objects.update(class_codes=codes)
    if nomenclature is not None:
        type(scene.campaign).objects.update(nomenclature=nomenclature)
    return Prediction.objects.select_related("model__campaign__nomenclature", "model__run__training_set").get(
        pk=made.pk
    )


def covers(prediction: Prediction) -> Any:
    return covers_of(prediction, shipped_artificialisation_rule())


def test_classes_of_the_rules_own_nomenclature_are_their_own_cover_and_so_are_headings_of_one_kind() -> None:
    # All woods are counted alike; of pervious ground quarries are not
    assert covers(mapped(["CS1.1.1.1", "CS2.2.1", "CS2.1", "CS1.1.2"])) == ["CS1.1.1.1", "CS2.2.1", "CS2.1", None]


def test_flair_classes_take_the_default_of_their_mapping() -> None:
    flair = load_nomenclature_file(path=DATA_FOLDER / "flair_19.json")
    prediction = mapped(["building", "pervious_surface", "herbaceous_vegetation"], flair)
    with pytest.raises(NoCoverMapping, match="No mapping leads from flair_19"):
        covers(prediction)
    load_mapping_file(path=DATA_FOLDER / "mappings" / "flair_19__ocsge_cover.json")
    assert covers(prediction) == ["CS1.1.1.1", "CS1.1.2.1", "CS2.2.1"]


def test_a_child_that_a_territory_added_is_the_cover_of_the_class_above_it() -> None:
    prediction = mapped(["CS1.1.1.2.P", "CS2.2.1"])
    tree = prediction.model.campaign.nomenclature
    NomenclatureClass.objects.create(
        nomenclature=tree, code="CS1.1.1.2.P", parent_code="CS1.1.1.2", colour="#000000", position=99
    )
    assert covers(prediction) == ["CS1.1.1.2", "CS2.2.1"]
