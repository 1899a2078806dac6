"""What a person reads first: README and licence at the root, nomenclature, provenance, dataset card."""

from __future__ import annotations

import json
from pathlib import Path

from learning.release import layout
from learning.release.contents import ReleaseContents
from learning.release.dataset import DatasetSummary
from learning.release.licences import licence_href, licence_name
from learning.release.text import canonical_json, write_text
from learning.release.vectors import AnnotationSummary


def write_licence(path: Path, *, licence: str, attribution: str, what: str) -> None:
    """Write a licence notice: what it covers, its name, where its text stands, the attribution to keep."""
    name, href = licence_name(licence), licence_href(licence)
    write_text(
        path,
        f"{what}\n\n"
        f"Licence: {name} (SPDX: {licence})\nText: {href}\n\n"
        f"Attribution to keep with every copy and derived work:\n{attribution}\n\n"
        "You may copy, adapt and share this material under the terms of the licence above. Name the source "
        "and the\n"
        "date of its last update, and do not suggest that the source endorses what you make of it.\n\n"
        "Vous pouvez copier, adapter et partager ce contenu selon les termes de cette licence. Citez la "
        "source et la\n"
        "date de sa dernière mise à jour, sans laisser entendre que la source approuve votre "
        "réutilisation.\n",
    )


def write_root_documents(
    root: Path, contents: ReleaseContents, *, annotations: AnnotationSummary, dataset: DatasetSummary
) -> None:
    """Write README.md, LICENSE.txt and nomenclature.json at the root of the release."""
    sections = [_summary(contents, annotations, dataset, language) for language in ("fr", "en")]
    write_text(root / layout.README, "\n".join([f"# {contents.title['fr']} {contents.version}\n", *sections]))
    write_licence(
        root / layout.LICENCE,
        licence=contents.licence,
        attribution=contents.attribution,
        what=f"{contents.title['fr']} / {contents.title['en']}, version "
        f"{contents.version}\n{contents.publisher}, "
        f"{contents.published_on.date().isoformat()}",
    )
    write_text(root / layout.NOMENCLATURE, canonical_json(nomenclature_json(contents)))


def nomenclature_json(contents: ReleaseContents) -> dict[str, object]:
    """The class tree as JSON."""
    tree = contents.nomenclature
    classes = [
        {
            "code": item.code,
            "parent": item.parent,
            "name": dict(item.name),
            "definition": dict(item.definition),
            "colour": item.colour,
            "selectable": item.selectable,
            "raster_value": item.raster_value,
        }
        for item in tree.classes
    ]
    head = {"code": tree.code, "version": tree.version, "title": dict(tree.title), "source": tree.source}
    return {**head, "classes": classes, "unlabelled_raster_value": 0}


def release_json(
    contents: ReleaseContents, annotations: AnnotationSummary, dataset: DatasetSummary
) -> dict[str, object]:
    """Where the release comes from: campaign, imagery digest, software, commit, seeds, counts."""
    campaign, layer = contents.campaign, contents.layer
    return {
        "version": contents.version,
        "title": dict(contents.title),
        "description": dict(contents.description),
        "published_on": contents.published_on.isoformat(),
        "publisher": contents.publisher,
        "licence": contents.licence,
        "attribution": contents.attribution,
        "previous_version": None if contents.previous is None else contents.previous.version,
        "campaign": {
            "slug": campaign.slug,
            "title": campaign.title,
            "description": campaign.description,
            "tile_px": campaign.tile_px,
            "holdout_seed": campaign.holdout_seed,
            "holdout_inclusion_probability": campaign.holdout_inclusion_probability,
        },
        "layer": {
            "slug": layer.slug,
            "title": layer.title,
            "crs": layer.crs,
            "transform": list(layer.transform),
            "width": layer.width,
            "height": layer.height,
            "gsd_m": layer.gsd_m,
            "vintage": layer.vintage,
            "acquired_on": None if layer.acquired_on is None else layer.acquired_on.isoformat(),
            "bands": list(layer.bands),
            "dtype": layer.dtype,
            "licence": layer.licence,
            "attribution": layer.attribution,
            "sha256": layer.sha256,
        },
        "nomenclature": {"code": contents.nomenclature.code, "version": contents.nomenclature.version},
        "software": {
            "name": "solcommun",
            "version": contents.software_version,
            "commit": contents.code_commit,
        },
        "code_url": contents.code_url,
        "model": None if contents.model is None else {"name": contents.model.name, "version": contents.model.version},
        "counts": {
            "features": annotations.features,
            "annotations": annotations.annotations,
            "contributors": annotations.contributors,
            "features_by_class": annotations.class_counts,
            "tiles": dataset.tiles,
            "pixels_by_class": dataset.class_px,
        },
    }


_WORDS = {
    "fr": {
        "head": "## Français\n\n*{title}*\n\n{description}\n",
        "date": "- Publié le {day} par {publisher} ; licence {licence} ; {attribution}.",
        "imagery": "- Imagerie : {layer}, millésime {vintage}, {gsd:g} m par pixel. {attribution}",
        "annotations": "- `annotations/` : {features} polygones de {annotations} annotations, par {people} "
        "contributeur(s) "
        "(identifiants aléatoires), en GeoParquet, GeoPackage et GeoJSON.",
        "dataset": "- `dataset/` : {train} tuiles d'entraînement et {test} de test, arborescence FLAIR.",
        "model": "- `models/` : {name} {version}, poids, configuration et fiche.",
        "maps": "- `maps/` : {files} dalle(s) de carte de prédiction (classes et entropie).",
        "bias": "Les tuiles d'entraînement sont choisies par l'incertitude du modèle : elles ne forment "
        "pas un "
        "échantillon probabiliste. N'en tirez ni surface ni taux d'erreur ; le jeu de test, lui, est tiré "
        "au hasard "
        "avant la campagne et n'est jamais montré au modèle.",
        "verify": "Vérifier ce dossier : `python -m learning.release.verify .` ou `sha256sum -c SHA256SUMS`.",
    },
    "en": {
        "head": "## English\n\n*{title}*\n\n{description}\n",
        "date": "- Published on {day} by {publisher}; licence {licence}; {attribution}.",
        "imagery": "- Imagery: {layer}, vintage {vintage}, {gsd:g} m a pixel. {attribution}",
        "annotations": "- `annotations/`: {features} polygons of {annotations} annotations, by {people} "
        "contributor(s) "
        "(random identifiers), as GeoParquet, GeoPackage and GeoJSON.",
        "dataset": "- `dataset/`: {train} training and {test} test tiles, in FLAIR's layout.",
        "model": "- `models/`: {name} {version}, weights, configuration and card.",
        "maps": "- `maps/`: {files} piece(s) of prediction map (classes and entropy).",
        "bias": "Training tiles are chosen by the model's uncertainty: they are not a probability sample. "
        "Draw no area "
        "and no error rate from them; the test split is drawn at random before the campaign and never "
        "shown to the "
        "model.",
        "verify": "Check this folder: `python -m learning.release.verify .` or `sha256sum -c SHA256SUMS`.",
    },
}


def _summary(contents: ReleaseContents, annotations: AnnotationSummary, dataset: DatasetSummary, language: str) -> str:
    words, layer = _WORDS[language], contents.layer
    lines = [
        words["head"].format(title=contents.title[language], description=contents.description[language]),
        words["date"].format(
            day=contents.published_on.date().isoformat(),
            publisher=contents.publisher,
            attribution=contents.attribution,
            licence=f"[{licence_name(contents.licence)}]({licence_href(contents.licence)})",
        ),
        words["imagery"].format(
            layer=layer.title, vintage=layer.vintage, gsd=layer.gsd_m, attribution=layer.attribution
        ),
        words["annotations"].format(
            features=annotations.features,
            annotations=annotations.annotations,
            people=annotations.contributors,
        ),
        words["dataset"].format(train=dataset.tiles["train"], test=dataset.tiles["test"]),
    ]
    if contents.model is not None:
        lines.append(words["model"].format(name=contents.model.name, version=contents.model.version))
    if contents.maps is not None:
        lines.append(words["maps"].format(files=len(contents.maps.files)))
    return "\n".join([*lines, "", words["bias"], "", words["verify"], ""])


def write_dataset_card(root: Path, contents: ReleaseContents, dataset: DatasetSummary) -> None:
    """Write dataset/README.md with the front matter Hugging Face reads."""
    slug, tree = contents.campaign.slug, contents.nomenclature
    front = front_matter(
        {
            "license": contents.licence.lower(),
            "pretty_name": contents.title["en"],
            "task_categories": ["image-segmentation"],
            "annotations_creators": ["crowdsourced"],
            "tags": ["land-cover", "aerial-imagery", "geospatial"],
        }
    )
    names = {item.code: item.name["en"] for item in tree.classes}
    rows = [
        f"| {value} | {code} | {names[code]} | {dataset.class_px.get(code, 0)} |"
        for code, value in tree.raster_values.items()
    ]
    write_text(
        root / layout.DATASET_CARD,
        f"{front}# {contents.title['en']} {contents.version}: dataset\n\n"
        f"{dataset.tiles['train']} training tiles and {dataset.tiles['test']} test tiles of "
        f"{contents.campaign.tile_px} px "
        f"at {contents.layer.gsd_m:g} m, bands {', '.join(contents.layer.bands)} "
        f"({contents.layer.dtype}).\n\n"
        f"Images `{slug}_aerial_<split>/<domain>/<zone>/img/IMG_n.tif`, masks "
        f"`{slug}_labels_<split>/.../msk/MSK_n.tif`: "
        "the layout of FLAIR, the domain being campaign and year, the zone the spatial block. `train.csv` "
        "and `test.csv` "
        "list `image,mask` without header. `tiles.parquet` has one row a tile.\n\n"
        "Masks hold the values below; 0 is not labelled and must be ignored in training.\n\n"
        f"| value | code | class | pixels |\n|---|---|---|---|\n{chr(10).join(rows)}\n\n"
        "The test split is the campaign's hold-out: whole spatial blocks drawn at random before the first "
        "label, with a "
        "buffer of tiles that belong to no split. Training tiles were chosen by active learning and are "
        "not a "
        "probability sample.\n",
    )


def front_matter(fields: dict[str, object]) -> str:
    """YAML front matter; each value is written as JSON, which is YAML."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---", "", ""])
