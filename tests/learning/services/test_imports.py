from __future__ import annotations

import dataclasses
import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from learning_rows import labelled_campaign, model_row
from safetensors.numpy import save
from scenes import campaign, nomenclature, virtual_layer

from annotation.core.nomenclature import parse_mapping
from learning.core.weights_source import shipped_source
from learning.errors import CannotPublishUnjudged, LicenceUnfit, UnusableWeights, UploadTooLarge
from learning.services import imports

pytestmark = pytest.mark.django_db
SOURCE = shipped_source("flair_inc")


def loaded() -> None:
    """Every nomenclature and mapping that ships."""
    call_command("load_nomenclatures", verbosity=0, stdout=io.StringIO())


def recipe(camp: Any, variant: str = "rgbi_15cl", **more: Any) -> Any:
    return imports.recipe_for(campaign=camp, source=SOURCE, variant=variant, **more)


def test_classes_come_from_the_mapping_that_is_loaded() -> None:
    loaded()
    made = recipe(campaign("camp"))
    assert made.counterparts["building"] == "CS1.1.1.1" and made.counterparts["plowed_land"] == "CS2.2.1"
    assert "enclosing polygon" in made.why_left_out["greenhouse"]
    assert "never rewarded" in made.why_left_out["clear_cut"]
    cosia = recipe(campaign("cosia", nomenclature=nomenclature("cosia_15")))
    assert cosia.counterparts["building"] == "batiment" and cosia.counterparts["swimming_pool"] == "piscine"


def test_a_campaign_in_flairs_own_nomenclature_needs_no_mapping() -> None:
    made = recipe(campaign("camp", nomenclature=nomenclature("flair_19")))
    assert all(channel == code for channel, code in made.counterparts.items()) and len(made.counterparts) == 15


def test_without_a_mapping_nothing_is_made_and_one_may_be_given() -> None:
    camp = campaign("camp")
    with pytest.raises(UnusableWeights, match=r"No mapping from flair_19 to ocsge_cover 2\.0 is loaded"):
        recipe(camp)
    entries = [
        {"source": source, "target": target, "note": "", "default": True}
        for source, target in (("building", "CS1.1.1.1"), ("water", "CS1.2.2"))
    ]
    given = {"source": "flair_19", "target": "ocsge_cover", "reference": "test", "entries": entries}
    made = recipe(camp, mapping=parse_mapping(given))
    assert dict(made.counterparts) == {"building": "CS1.1.1.1", "water": "CS1.2.2"}
    with pytest.raises(UnusableWeights, match="goes from flair_19 to cosia_15"):
        recipe(camp, mapping=parse_mapping({**given, "target": "cosia_15"}))


def test_a_band_that_the_imagery_lacks_is_named_and_bands_may_be_named_otherwise() -> None:
    camp = campaign("camp", nomenclature=nomenclature("flair_19"))
    with pytest.raises(UnusableWeights, match="nDSM is missing"):
        recipe(camp, "rgbie_15cl")
    layer = virtual_layer("five")
    layer.bands = ["R", "G", "B", "NIR", "mnh"]
    layer.save()
    five = campaign("five", layer=layer, nomenclature=camp.nomenclature)
    made = recipe(five, "rgbie_15cl", bands=["R", "G", "B", "NIR", "mnh"])
    assert made.bands[4] == "mnh" and made.mean[4] == 53.26
    assert "0.2 m" in made.notes["bands"] and made.notes["attribution"] == "FLAIR-INC weights, IGN"


def test_weights_under_another_licence_than_the_sites_are_refused() -> None:
    camp = campaign("camp", nomenclature=nomenclature("flair_19"))
    with pytest.raises(LicenceUnfit, match=r"CC-BY-SA-4\.0"):
        imports.recipe_for(
            campaign=camp, source=dataclasses.replace(SOURCE, licence="CC-BY-SA-4.0"), variant="rgb_15cl"
        )


def test_publishing_unjudged_is_refused_before_anything_is_read() -> None:
    scene = labelled_campaign()
    with pytest.raises(CannotPublishUnjudged, match="Say why"):
        imports.refuse_unjudged(scene.campaign, "  ", wanted=True)
    imports.refuse_unjudged(scene.campaign, "", wanted=False)
    model_row(scene.campaign, state="promoted")
    with pytest.raises(CannotPublishUnjudged, match="camp-m1 is published"):
        imports.refuse_unjudged(scene.campaign, "a start", wanted=True)


def test_an_upload_is_kept_whole_or_not_at_all(settings: Any, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path
    blob = save({"a": np.zeros(1000, np.float32)})
    path = imports.store_upload([blob[:100], blob[100:]])
    assert path.read_bytes() == blob
    with pytest.raises(UnusableWeights, match="no whole safetensors file"):
        imports.store_upload([blob[:2000]])
    with pytest.raises(UnusableWeights, match="no whole safetensors file"):
        imports.store_upload([b"\x80\x04pickle and more"])
    settings.MODEL_UPLOAD_MAX_BYTES = 1000
    with pytest.raises(UploadTooLarge, match="1000"):
        imports.store_upload([blob])
    assert list(tmp_path.iterdir()) == [path]


def test_an_upload_that_no_job_takes_is_removed_after_two_days(settings: Any, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path
    for name, age_h in (("old", 49), ("new", 47)):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age_h * 3600,) * 2)
    imports.sweep_uploads()
    assert [path.stem for path in tmp_path.iterdir()] == ["new"]
