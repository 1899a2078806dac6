from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from flair_weights import PREFIX, REWARDED_15, published_state, saved_safely

from annotation.core.nomenclature import NOMENCLATURES_DIR, load_mapping, load_nomenclature
from annotation.raster.sandbox import run_in_sandbox
from learning.core.dataset import LabelledTile
from learning.core.fit import fit
from learning.core.foreign_weights import HEAD, convert_weights
from learning.core.model_file import load_model
from learning.core.network import NetworkSpec, spec_from, warm_network
from learning.core.predict import predict_window
from learning.core.train_config import TrainConfig
from learning.core.weights_source import Recipe, make_recipe, shipped_source
from learning.errors import UnusableWeights
from learning.jobs.imports import LIMITS

OCSGE = tuple(item.code for item in load_nomenclature(NOMENCLATURES_DIR / "ocsge_cover.json").selectable)
SOURCE = shipped_source("flair_inc")


def recipe(variant: str = "rgbi_15cl", *, nomenclature: str = "ocsge_cover", **changes) -> Recipe:
    """What is made of a file in a campaign of a nomenclature, by the mapping that ships."""
    if nomenclature == SOURCE.nomenclature:
        codes, counterparts = SOURCE.channels, {code: code for code in SOURCE.channels}
    else:
        mapping = load_mapping(NOMENCLATURES_DIR / "mappings" / f"{SOURCE.nomenclature}__{nomenclature}.json")
        tree = load_nomenclature(NOMENCLATURES_DIR / f"{nomenclature}.json")
        codes = tuple(item.code for item in tree.selectable)
        counterparts = {code: mapping.default(code) for code in SOURCE.channels}
    made = make_recipe(
        SOURCE, SOURCE.variant(variant), bands=None, class_codes=codes, counterparts=counterparts, reasons={},
        nomenclature_code=nomenclature, nomenclature_version="1.0", notes={"licence": SOURCE.licence},
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


@pytest.fixture(scope="module")
def state() -> dict:
    return published_state()


@pytest.fixture(scope="module")
def published(tmp_path_factory, state) -> Path:
    return saved_safely(tmp_path_factory.mktemp("flair") / "FLAIR-INC_rgbi_15cl.safetensors", state)


@pytest.fixture(scope="module")
def imported(tmp_path_factory, published):
    out = tmp_path_factory.mktemp("model") / "model.safetensors"
    converted = convert_weights(str(published), str(out), recipe=recipe().as_json(), archives=False)
    return converted, load_model(out, sha256=converted.sha256)


def refused(tmp_path: Path, path: Path, match: str, *, archives: bool = True, **changes) -> None:
    out = tmp_path / "refused.safetensors"
    with pytest.raises(UnusableWeights, match=match):
        convert_weights(str(path), str(out), recipe=recipe(**changes).as_json(), archives=archives)
    assert not out.exists()


# --- what is made of it -------------------------------------------------------------------------------------


def test_bands_statistics_and_classes_are_stored_with_the_model_by_name(imported):
    _converted, model = imported
    spec, scaling = model.metadata.spec, model.metadata.normalisation
    assert spec.bands == ("R", "G", "B", "NIR") and spec.class_codes == OCSGE
    assert (spec.architecture, spec.encoder, spec.decoder_channels) == ("unet", "resnet34", (256, 128, 64, 32, 16))
    assert (scaling.dtype, scaling.mean) == ("uint8", (105.08, 110.87, 101.82, 106.38))
    assert scaling.std == (52.17, 45.38, 44.0, 39.69)
    assert (model.metadata.gsd_m, model.metadata.margin_px) == (0.2, 128)
    assert model.metadata.notes["licence"] == "etalab-2.0" and len(model.metadata.notes["source_sha256"]) == 64


def test_rows_of_the_head_are_chosen_by_class_code_and_what_was_never_rewarded_is_left_out(imported, state):
    converted, model = imported
    assert converted.rows["CS1.1.1.1"] == ("building",)
    assert converted.rows["CS2.2.1"] == ("herbaceous_vegetation", "agricultural_land", "plowed_land")
    assert converted.rows["CS1.1.2.2"] == () and converted.rows["CS2.1.1.3"] == ()
    assert {"mixed", "other", "swimming_pool", "greenhouse", "clear_cut"} <= converted.left_out.keys()
    assert "never rewarded" in converted.left_out["mixed"]
    rows = model.metadata.spec.head_rows
    assert len(rows) == 13 and rows.count("CS2.2.1") == 3
    head = model.network.state_dict()[HEAD]
    for row, channel in ((rows.index("CS1.1.1.1"), 0), (rows.index("CS1.1.1.2"), 2), (rows.index("CS2.2.1") + 2, 11)):
        assert torch.equal(head[row], state[PREFIX + HEAD][channel])


def test_a_class_is_as_likely_as_its_channels_together_given_that_none_left_out_is_meant(imported, state):
    import segmentation_models_pytorch as smp

    converted, model = imported
    original = smp.Unet("resnet34", encoder_weights=None, in_channels=4, classes=19).eval()
    original.load_state_dict({k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)})
    image = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        channels, classes = original(image).softmax(1)[0], model.network(image).softmax(1)[0]
    kept = [k for k, code in enumerate(SOURCE.channels) if code not in converted.left_out]
    for position, code in enumerate(OCSGE):
        of_class = [SOURCE.channels.index(channel) for channel in converted.rows[code]]
        by_hand = channels[of_class].sum(0) / channels[kept].sum(0)
        assert torch.allclose(classes[position], by_hand, atol=1e-5), code
    assert classes[OCSGE.index("CS1.1.2.2")].max() == 0


def test_a_channel_that_was_never_rewarded_does_not_win_though_its_row_says_most(tmp_path, state):
    loud = dict(state)
    bias = loud[f"{PREFIX}segmentation_head.0.bias"].clone()
    bias[18] = 1000.0  # "other", never rewarded
    loud[f"{PREFIX}segmentation_head.0.bias"] = bias
    out = tmp_path / "model.safetensors"
    convert_weights(
        str(saved_safely(tmp_path / "loud.safetensors", loud)), str(out),
        recipe=recipe(nomenclature="flair_19").as_json(), archives=False,
    )  # fmt: skip
    model = load_model(out)
    assert model.metadata.spec.class_codes == SOURCE.channels and len(model.metadata.spec.head_rows) == 15
    image = np.random.default_rng(0).integers(0, 255, (4, 64, 64), dtype=np.uint8)
    classes, entropy = predict_window(model, image)
    assert set(np.unique(classes)) <= {k + 1 for k in REWARDED_15}
    assert np.isfinite(entropy).all() and entropy.max() <= np.log(15) + 1e-4


def test_a_file_that_torch_saved_gives_the_same_weights_as_safetensors(tmp_path, imported, state):
    archive = tmp_path / "FLAIR-INC_rgbi_15cl_weights.pth"
    torch.save(state, archive)
    out = tmp_path / "model.safetensors"
    made = run_in_sandbox(
        "learning.core.foreign_weights.convert_weights",
        {"path": str(archive), "out": str(out), "recipe": recipe().as_json(), "archives": True},
        limits=LIMITS, require_isolation=False,
    )  # fmt: skip
    again, theirs = load_model(out, sha256=made["sha256"]), imported[1]
    assert again.metadata.spec == theirs.metadata.spec
    ours = again.network.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in theirs.network.state_dict().items())


def test_a_checkpoint_of_lightning_and_other_prefixes_or_none_are_read(tmp_path, state):
    bare = {k.removeprefix(PREFIX): v for k, v in state.items()}
    torch.save({"epoch": 3, "state_dict": {f"net.{k}": v for k, v in bare.items()}}, tmp_path / "last.ckpt")
    made = convert_weights(
        str(tmp_path / "last.ckpt"), str(tmp_path / "a.safetensors"), recipe=recipe().as_json(), archives=True
    )
    saved_safely(tmp_path / "bare.safetensors", {k: v for k, v in bare.items() if not k.startswith("criterion.")})
    again = convert_weights(
        str(tmp_path / "bare.safetensors"), str(tmp_path / "b.safetensors"), recipe=recipe().as_json(), archives=False
    )
    assert made.rows == again.rows and made.tensors == again.tensors


def test_half_precision_is_read_as_float32(tmp_path, state):
    halved = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    out = tmp_path / "model.safetensors"
    convert_weights(
        str(saved_safely(tmp_path / "half.safetensors", halved)), str(out), recipe=recipe().as_json(), archives=False
    )
    assert load_model(out).network.state_dict()[HEAD].dtype == torch.float32


# --- going on from it ---------------------------------------------------------------------------------------


def test_before_its_first_step_a_training_says_what_the_imported_weights_say(imported):
    _converted, model = imported
    spec = NetworkSpec(
        bands=("R", "G", "B", "NIR"), class_codes=OCSGE, encoder="resnet34",
        decoder_channels=(256, 128, 64, 32, 16), pretrained=False,
    )  # fmt: skip
    spec = spec_from(spec, model.metadata.spec)
    assert spec.head_rows.count("CS2.2.1") == 3 and spec.head_rows.count("CS1.1.2.2") == 1
    network = warm_network(spec, previous=model.network, previous_spec=model.metadata.spec).eval()
    image = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        ours, theirs = network(image)[0], model.network(image)[0]
    for position, code in enumerate(OCSGE):
        if code in model.metadata.spec.head_rows:
            assert torch.allclose(ours[position], theirs[position], atol=1e-5), code
        else:
            assert ours[position].abs().max() < 1000, "a class nobody spoke for can be learnt"


def test_it_is_fine_tuned_with_the_statistics_of_the_bands_it_knows(imported, tmp_path):
    _converted, model = imported
    rng = np.random.default_rng(1)
    labels = np.repeat(np.array([1, 9], np.uint8), 32)[None].repeat(64, axis=0)
    tiles = [LabelledTile(rng.integers(0, 255, (5, 64, 64), dtype=np.uint8), labels) for _ in range(2)]
    spec = NetworkSpec(
        bands=("G", "R", "B", "NIR", "height"), class_codes=OCSGE, encoder="resnet34",
        decoder_channels=(256, 128, 64, 32, 16), pretrained=False,
    )  # fmt: skip
    config = TrainConfig(steps=2, batch_size=1, crop_px=64, precision="fp32")
    fitted = fit(tiles, spec, config, checkpoint_dir=tmp_path / "run", initial=model)
    assert fitted.normalisation.mean[:4] == (110.87, 105.08, 101.82, 106.38)
    assert fitted.normalisation.std[1] == 52.17 and 120 < fitted.normalisation.mean[4] < 135
    assert len(fitted.losses) == 2 and fitted.spec.head_rows.count("CS2.2.1") == 3


# --- what is refused ----------------------------------------------------------------------------------------


def test_the_first_tensor_of_another_shape_is_named_with_what_was_met_and_needed(tmp_path, state):
    wrong = dict(state)
    wrong[f"{PREFIX}decoder.blocks.0.conv1.0.weight"] = torch.zeros(256, 768, 1, 1)
    path = saved_safely(tmp_path / "wrong.safetensors", wrong)
    refused(
        tmp_path, path, r"'decoder\.blocks\.0\.conv1\.0\.weight' is float32 \(256, 768, 1, 1\); needed: float32 \(256,"
    )


def test_a_missing_and_an_unknown_tensor_are_named(tmp_path, state):
    missing = {k: v for k, v in state.items() if k != f"{PREFIX}encoder.layer1.0.conv1.weight"}
    path = saved_safely(tmp_path / "missing.safetensors", missing)
    refused(tmp_path, path, r"'encoder\.layer1\.0\.conv1\.weight' is absent; needed: float32 \(64, 64, 3, 3\)")
    more = {**state, f"{PREFIX}encoder.extra": torch.zeros(2)}
    refused(
        tmp_path,
        saved_safely(tmp_path / "more.safetensors", more),
        r"'encoder\.extra' is float32 \(2,\); needed: absent",
    )
    other = {**state, "model.mtd_mlp.weight": torch.zeros(2)}
    refused(
        tmp_path, saved_safely(tmp_path / "other.safetensors", other), r"'model\.mtd_mlp\.weight'.*another architecture"
    )


def test_another_number_of_channels_or_bands_than_the_variant_is_refused(tmp_path, published, state):
    refused(
        tmp_path, published, r"encoder\.conv1\.weight' reads 4 bands, and 3 are named \(R, G, B\)", variant="rgb_15cl"
    )
    head = {**state, PREFIX + HEAD: torch.zeros(13, 16, 3, 3)}
    refused(
        tmp_path, saved_safely(tmp_path / "13.safetensors", head), r"\(13, 16, 3, 3\): 19 output channels are needed"
    )


def test_a_variant_that_rewarded_other_classes_than_the_file_says_is_refused(tmp_path, state):
    twelve = torch.zeros(19)
    twelve[:12] = 1
    path = saved_safely(tmp_path / "12.safetensors", {**state, "criterion.weight": twelve})
    refused(tmp_path, path, "12 classes were rewarded .*the variant says 15")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path, state, value):
    spoiled = state[f"{PREFIX}encoder.bn1.bias"].clone()
    spoiled[3] = value
    path = saved_safely(tmp_path / "nan.safetensors", {**state, f"{PREFIX}encoder.bn1.bias": spoiled})
    refused(tmp_path, path, r"'encoder\.bn1\.bias' holds values that are not finite")


class Bomb:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return (Path.touch, (self.canary,))


def test_a_pickle_with_code_is_refused_and_never_run(tmp_path):
    canary = tmp_path / "canary"
    torch.save({"state_dict": Bomb(canary)}, tmp_path / "code.pth")
    refused(tmp_path, tmp_path / "code.pth", "asks for more than tensors")
    torch.save({"a": Bomb(canary)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    refused(tmp_path, tmp_path / "old.pth", "bare pickle")
    (tmp_path / "bare.safetensors").write_bytes(pickle.dumps(Bomb(canary)))
    refused(tmp_path, tmp_path / "bare.safetensors", "bare pickle")
    assert not canary.exists()


def test_an_archive_is_not_read_where_it_came_over_the_network(tmp_path, state):
    torch.save(dict(list(state.items())[:2]), tmp_path / "weights.safetensors")
    refused(tmp_path, tmp_path / "weights.safetensors", "only safetensors is taken here", archives=False)


def test_a_file_that_is_cut_short_is_refused(tmp_path, published, state):
    short = tmp_path / "short.safetensors"
    short.write_bytes(published.read_bytes()[: 5 << 20])
    refused(tmp_path, short, r"short\.safetensors is no whole safetensors file .*cut short")
    torch.save(dict(list(state.items())[:9]), tmp_path / "whole.pth")
    (tmp_path / "short.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:20_000])
    refused(tmp_path, tmp_path / "short.pth", "no whole torch archive")
    (tmp_path / "empty.pth").write_bytes(b"")
    refused(tmp_path, tmp_path / "empty.pth", "0 bytes")


def test_what_is_no_state_dict_is_refused(tmp_path):
    for name, value, met in (("list", [torch.zeros(2)], "a list"), ("numbers", {"a": 3}, "'a', which is no plain")):
        torch.save(value, tmp_path / f"{name}.pth")
        refused(tmp_path, tmp_path / f"{name}.pth", met)
    (tmp_path / "text.pth").write_text("nothing of the kind at all")
    refused(tmp_path, tmp_path / "text.pth", "no whole safetensors file")


def test_an_archive_that_unpacks_to_more_than_it_holds_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 1_000_000)
    refused(tmp_path, tmp_path / "bomb.pth", "compressed, as torch saves none")
