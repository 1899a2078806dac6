"""The model in a release: weights, configuration, hold-out figures, code reference and card."""

from __future__ import annotations

import shutil
from pathlib import Path

from annotation.core.themes import national_code
from learning.release import documents, layout, model_files
from learning.release.contents import (
    ClassScore,
    HoldoutScores,
    Interval,
    MapRecord,
    ModelRecord,
    OriginRecord,
    ReleaseContents,
    TrainingSummary,
)
from learning.release.licences import hub_licences, licence_words
from learning.release.text import canonical_json, write_text
from learning.release.weights import read_weights_header

WEIGHTS = "weights.safetensors"
CONFIG = "config.json"
METRICS = "metrics.json"
CODE = "code.json"


def write_model(root: Path, contents: ReleaseContents, model: ModelRecord) -> str:
    """Write the model's folder: weights, what runs them elsewhere, config, metrics, code reference, card, licence.

    Returns: the folder, relative to `root`.
    Raises:  UnusableArtefact: the weights are not a readable safetensors file, or code or graph are empty.
    """
    relative = layout.model_dir(model.name, model.version)
    folder = root / relative
    folder.mkdir(parents=True)
    read_weights_header(model.weights_path)
    shutil.copyfile(model.weights_path, folder / WEIGHTS)
    if model.runnable is not None:
        model_files.write_runnable(folder, model.runnable, contents)
    write_text(folder / CONFIG, canonical_json(model_config(model, contents)))
    export = {} if model.runnable is None else {"export": model_files.export_json(model.runnable, contents)}
    national = {} if model.national_scores is None else {"national": scores_json(model.national_scores)}
    write_text(folder / METRICS, canonical_json(scores_json(model.scores) | national | export))
    code = {
        "repository": contents.code_url,
        "commit": model.training.code_commit if model.training else model.code_commit,
        "entrypoint": "learning.core.predict",
    }
    software = model.training.software if model.training else model.software
    write_text(folder / CODE, canonical_json({**code, "software": dict(software)}))
    write_text(folder / "README.md", model_card(model, contents))
    what = f"{model.name} {model.version}: weights, configuration and card"
    notice = documents.licence_notice(licence=model.licence, attribution=contents.attribution, what=what)
    write_text(folder / "LICENSE.txt", notice)
    return relative


def model_config(model: ModelRecord, contents: ReleaseContents) -> dict[str, object]:
    """All that is needed to run the weights: architecture, bands, scaling, classes by output channel."""
    values, is_theme = contents.nomenclature.raster_values, contents.nomenclature.names_national
    return {
        "name": model.name,
        "version": model.version,
        "architecture": model.architecture,
        "encoder": model.encoder,
        "architecture_options": dict(model.architecture_options),
        "input": {
            "bands": list(model.bands),
            "mean": list(model.mean),
            "std": list(model.std),
            "patch_px": model.patch_px,
            "gsd_m": contents.layer.gsd_m,
            "scaling": "(value - mean) / std, band by band, on raw pixel values",
        },
        "output": [
            {"channel": k, "code": code, "raster_value": values[code]}
            | ({"national_code": national_code(code)} if is_theme else {})
            for k, code in enumerate(model.class_codes)
        ],
        "probabilities": {"temperature": model.temperature, "formula": "softmax(outputs / temperature)"},
        "nomenclature": {"code": model.nomenclature_code, "version": model.nomenclature_version},
        "parameters": model.parameters,
        **({"head_rows": list(model.head_rows)} if model.head_rows else {}),
        "training": None if model.training is None else training_json(model.training),
        **({} if model.origin is None else {"origin": origin_json(model.origin)}),
        **({} if model.runnable is None else {"run": model_files.runnable_config(model.runnable)}),
    }


def training_json(training: TrainingSummary) -> dict[str, object]:
    """All that is needed to do the training again."""
    return {
        "training_set_id": training.training_set_id,
        "training_set_sha256": training.training_set_sha256,
        "tiles": training.tiles,
        "validated_tiles": training.validated_tiles,
        "labelled_px": training.labelled_px,
        "seed": training.seed,
        "code_commit": training.code_commit,
        "software": dict(training.software),
        "hyperparameters": dict(training.hyperparameters),
        "finished_at": training.finished_at.isoformat(),
        "initial_weights": training.initial_weights,
        "seconds": training.seconds,
    }


def origin_json(origin: OriginRecord) -> dict[str, object]:
    """The weights that the model is, or began from."""
    return {
        "name": origin.name,
        "published_as": origin.published_as,
        "address": origin.address,
        "licence": origin.licence,
        "attribution": origin.attribution,
        "seen": origin.seen,
        "file_name": origin.file_name,
        "source_sha256": origin.source_sha256,
        "imported_at": origin.imported_on.isoformat(),
        "rows": {code: list(channels) for code, channels in origin.rows.items()},
        "left_out": dict(origin.left_out),
    }


def scores_json(scores: HoldoutScores | None) -> dict[str, object]:
    """Hold-out figures as JSON; without a hold-out, the words "not assessed"."""
    if scores is None:
        return {"status": "not assessed", "reason": "no hold-out score was computed for this model"}

    def interval(value: Interval | None) -> dict[str, float | None] | None:
        return None if value is None else {"estimate": value.estimate, "low": value.low, "high": value.high}

    return {
        "status": "assessed",
        "holdout_id": scores.holdout_id,
        "tiles": scores.tiles,
        "pixels": scores.pixels,
        "convention": scores.convention,
        "independent_of_training": scores.independent_of_training,
        "confidence": {
            "level": scores.confidence_level,
            "method": "bootstrap",
            "replicates": scores.bootstrap_replicates,
            "resampling_unit": scores.resampling_unit,
        },
        "miou": interval(scores.miou),
        "overall_accuracy": interval(scores.overall_accuracy),
        "classes": [
            {"code": c.code, "iou": interval(c.iou), "f1": c.f1, "support_px": c.support_px} for c in scores.classes
        ],
        "confusion": {
            "codes": list(scores.confusion_codes),
            "pixels": [list(row) for row in scores.confusion],
        },
        "calibration": None
        if scores.calibration is None
        else {
            "measure": "expected calibration error",
            "bins": scores.calibration.bins,
            "before_temperature": interval(scores.calibration.before),
            "after_temperature": interval(scores.calibration.after),
        },
    }


def accuracy_json(contents: ReleaseContents, maps: MapRecord) -> dict[str, object]:
    """Accuracy and areas of the map: design-based figures when they exist, else "not assessed"."""
    model = None if maps.scores is None else scores_json(maps.scores)
    if contents.model is not None:
        model = scores_json(contents.model.scores)
    areas: dict[str, object] = {
        "status": "not assessed",
        "reason": "no probability sample supports an area estimate; counting the map's pixels is not one",
    }
    if maps.statistics is not None:
        areas = {**maps.statistics.figures, "file": layout.PLACES if maps.statistics.places else None}
    made_by = {"name": maps.model_name, "version": maps.model_version}
    return {"prediction_id": maps.prediction_id, "model": made_by, "holdout": model, "areas": areas}


def model_card(model: ModelRecord, contents: ReleaseContents) -> str:
    """The model card: Hugging Face front matter, intended use, data, figures, limits, ten lines of use."""
    front: dict[str, object] = {
        "license": hub_licences(model.licence)[0],
        "library_name": "segmentation-models-pytorch",
        "pipeline_tag": "image-segmentation",
        "tags": ["land-cover", "aerial-imagery", "semantic-segmentation", model.architecture],
    }
    if model.base_model is not None:
        front["base_model"] = model.base_model
    if model.scores is not None:
        dataset = {"type": contents.campaign.slug, "name": f"{contents.campaign.title} (hold-out)"}
        metric = {"type": "mean_iou", "value": round(model.scores.miou.estimate, 4)}
        result = {"task": {"type": "image-segmentation"}, "dataset": dataset, "metrics": [metric]}
        front["model-index"] = [{"name": model.name, "results": [result]}]
    return (
        f"{documents.front_matter(front)}# {model.name} {model.version}\n\n"
        f"{model.architecture} with a {model.encoder} encoder, {model.parameters:,} parameters. It gives "
        "each pixel of "
        f"aerial imagery ({', '.join(model.bands)}, {contents.layer.gsd_m:g} m) one of "
        f"{len(model.class_codes)} classes "
        f"of {model.nomenclature_code} {model.nomenclature_version}{_refining(contents)}.\n\n"
        "## Intended use\n\nDrafts for annotators, and land-cover maps read together with their accuracy. "
        "It does not "
        "tell land use, so it does not measure artificialisation on its own.\n\n"
        f"## Training data\n\n{_training_words(model)}\n\n"
        f"## Evaluation\n\n{_score_table(model.scores, contents)}{_calibration_words(model)}\n"
        f"{_national_table(model.national_scores, contents)}"
        f"## Limits\n\n{_limits(model, contents)}\n"
        f"## Cost\n\n{_cost_words(model)}\n\n"
        f"## Use\n\n{_use(model, contents)}\n"
        f"## Licence\n\n{licence_words(model.licence)}. {contents.attribution}\n"
    )


def _training_words(model: ModelRecord) -> str:
    return " ".join(part for part in (_trained_here(model.training), _origin_words(model)) if part)


def _origin_words(model: ModelRecord) -> str:
    """Where the weights come from, with whom to name and what they have seen."""
    origin = model.origin
    if origin is None:
        return ""
    how = "Not trained here: these are the weights" if model.training is None else "It goes back to the weights"
    return (
        f"{how} {origin.name}, published as {origin.published_as} ({origin.address}) by others under "
        f"{licence_words(origin.licence)}: {origin.attribution}. File `{origin.file_name}`, sha256 "
        f"`{origin.source_sha256}`, imported on {origin.imported_on:%Y-%m-%d}; `config.json` says which of their "
        f"channels each class is made of. {origin.seen}"
    )


def _trained_here(training: TrainingSummary | None) -> str:
    if training is None:
        return ""
    return (
        f"{training.tiles} tiles, {training.labelled_px:,} labelled pixels (training set "
        f"`{training.training_set_id}`, sha256 `{training.training_set_sha256}`), drawn by volunteers who "
        "are known here "
        "by random identifiers only, and chosen by active learning. "
        f"{_validated_words(training)}"
        f"Start: {training.initial_weights or 'random weights'}. Seed {training.seed}, code commit "
        f"`{training.code_commit}`."
    )


def _validated_words(training: TrainingSummary) -> str:
    """What was learnt beside drawn labels: said here, since the dataset holds drawn labels only."""
    if not training.validated_tiles:
        return ""
    weight = training.hyperparameters.get("validated_weight", "not recorded")
    return (
        f"On {training.validated_tiles} of these tiles the model also learnt polygons drawn by an earlier model of "
        "this campaign whose class volunteers confirmed or corrected "
        f"(weight of their pixels: {weight}, drawn ones: at most 1); they are not counted in the labelled pixels and "
        "are not in the dataset of this release. "
    )


def _score_table(scores: HoldoutScores | None, contents: ReleaseContents) -> str:
    if scores is None:
        return "Not assessed: no hold-out score was computed.\n"
    percent = f"{scores.confidence_level:.0%}"
    names = {item.code: item.name["en"] for item in contents.nomenclature.classes}

    def cell(value: Interval | None) -> str:
        return "absent" if value is None else value.in_words()

    def line(score: ClassScore) -> str:
        f1 = "absent" if score.f1 is None else f"{score.f1:.3f}"
        return f"| {score.code} {names.get(score.code, '')} | {cell(score.iou)} | {f1} | {score.support_px:,} |"

    independent = "yes" if scores.independent_of_training else "no"
    return (
        f"On the hold-out `{scores.holdout_id}`: {scores.tiles} tiles, {scores.pixels:,} pixels. Hold-out "
        "independent of "
        f"training: {independent}. {scores.convention} Intervals: {percent}, {scores.bootstrap_replicates} "
        "bootstrap "
        f"replicates over {scores.resampling_unit}.\n\n"
        f"Mean IoU: {cell(scores.miou)}. Overall accuracy: {cell(scores.overall_accuracy)}.\n\n"
        "| class | IoU | F1 | pixels |\n|---|---|---|---|\n" + "\n".join(line(s) for s in scores.classes) + "\n"
    )


def _refining(contents: ReleaseContents) -> str:
    theme = contents.nomenclature.extends if contents.nomenclature.names_national else None
    return "" if theme is None else f", a theme that refines the national {' '.join(theme)}"


def _national_table(scores: HoldoutScores | None, contents: ReleaseContents) -> str:
    """Figures at the national classes, of a theme's model."""
    if scores is None:
        return ""
    how = "Answers of a class that the theme adds count as the national class that it refines; so do labels."
    return f"### At the national classes\n\n{how} {_score_table(scores, contents)}\n"


def _calibration_words(model: ModelRecord) -> str:
    """How far the model's confidence can be believed."""
    found = model.scores.calibration if model.scores else None
    if found is None:
        return ""

    words = f"\nExpected calibration error ({found.bins} bins): {found.before.in_words()}"
    if found.after is None:
        return f"{words}; no temperature was fitted, for want of hold-out blocks.\n"
    return (
        f"{words}, {found.after.in_words()} once the outputs are divided by the temperature {model.temperature:.3f} "
        "(`config.json`, `probabilities`) before softmax, measured by cross-fitting. Maps of entropy and confidences "
        "use it; it changes no predicted class.\n"
    )


def _limits(model: ModelRecord, contents: ReleaseContents) -> str:
    on = "Trained on" if model.training else "Looked at on"
    always = (
        f"{on} one vintage ({contents.layer.vintage}) of one campaign; other regions, seasons and sensors are not "
        "assessed.",
        "Two maps made by different models do not show change of the ground.",
    )
    return "".join(f"- {text}\n" for text in (*always, *model.limits))


def _cost_words(model: ModelRecord) -> str:
    """Time and energy of the training, as far as they are known."""
    training = model.training
    if training is None:
        return "Not trained here: time and energy of the training are not known."
    if training.seconds is None:
        return "Time of the training: not recorded. Energy: not measured."
    hours = training.seconds / 3600
    return (
        f"The training took {hours:.2f} h, judging included. Energy: not measured; as an order of magnitude, hours × "
        "watts of the machine (a desktop processor takes some 100 W, a data-centre GPU some 700 W): "
        f"{hours * 0.1:.2g} to {hours * 0.7:.2g} kWh."
    )


def _use(model: ModelRecord, contents: ReleaseContents) -> str:
    """Lines that label an image: those of predict.py where the release has its own code of the network."""
    if model.runnable is None:
        return f"```python\n{_usage(model)}```\n"
    words = model_files.runnable_words(model.runnable, contents)
    return f"{words}\n```python\n{model_files.PREDICT_TEXT}```\n"


def _usage(model: ModelRecord) -> str:
    """Ten lines that load the weights and label one patch; some more where classes and rows are not one to one."""
    rows = model.head_rows
    to_classes = (
        "    rows, codes = network.eval()(patch[None]), [item['code'] for item in config['output']]\n"
        "    score = lambda k: rows[:, k].logsumexp(1) if k else torch.full_like(rows[:, 0], -1e4)\n"
        "    of = [[n for n, row in enumerate(config['head_rows']) if row == code] for code in codes]\n"
        "    channel = torch.stack([score(k) for k in of], 1).argmax(1)[0]  # then config['output'][channel]\n"
    )
    plain = "    channel = network.eval()(patch[None]).argmax(1)[0]  # then config['output'][channel]\n"
    return (
        "import json, torch, segmentation_models_pytorch as smp\n"
        "from safetensors.torch import load_file\n"
        'config = json.load(open("config.json"))\n'
        f'shape = {{"in_channels": {len(model.bands)}, "classes": {len(rows or model.class_codes)}}}\n'
        'network = smp.create_model(config["architecture"], config["encoder"], None, **shape,\n'
        '                           **config["architecture_options"])\n'
        f'network.load_state_dict(load_file("{WEIGHTS}"))\n'
        'mean, std = (torch.tensor(config["input"][k])[:, None, None] for k in ("mean", "std"))\n'
        "patch = (pixels - mean) / std  # pixels: float32 (band, row, col), in the config's order of bands\n"
        f"with torch.no_grad():\n{to_classes if rows else plain}"
    )
