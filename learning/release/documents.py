"""What a person reads first: README and licence at the root, nomenclature, provenance, dataset card."""

from __future__ import annotations

import json
from pathlib import Path

from annotation.core.themes import national_code
from learning.release import layout
from learning.release.change_files import change_json
from learning.release.contents import MapRecord, ReleaseContents
from learning.release.dataset import DatasetSummary
from learning.release.ground_files import ground_json
from learning.release.ground_words import ground_lines
from learning.release.licences import OTHER, hub_licences, licence_href, licence_link, licence_name
from learning.release.map_grid import TILE_KM
from learning.release.national import coarsened_json, view_words
from learning.release.notes import first_paragraph, notes_in
from learning.release.records import to_json
from learning.release.shards import SHARDS_FROM
from learning.release.text import canonical_json, write_text
from learning.release.vectors import AnnotationSummary

_USE = (
    "You may copy, adapt and share this material under the terms of the licence above. Name the source and the\n"
    "date of its last update, and do not suggest that the source endorses what you make of it.\n\n"
    "Vous pouvez copier, adapter et partager ce contenu selon les termes de cette licence. Citez la source et la\n"
    "date de sa dernière mise à jour, sans laisser entendre que la source approuve votre réutilisation.\n"
)
_USE_OTHER = (
    "This material is under the terms of the imagery's owner, which this release does not know: ask them before you\n"
    "copy, adapt or share it.\n\n"
    "Ce contenu est soumis aux conditions du propriétaire de l'imagerie, que cette publication ne connaît pas :\n"
    "demandez-les-lui avant de le copier, de l'adapter ou de le partager.\n"
)
_LABELS = "Annotations, masks, models and maps / Annotations, masques, modèles et cartes"
_PIXELS = (
    "Imagery, and the dataset's images, which are copies of it\n"
    "Imagerie, et images du jeu de données, qui en sont des copies"
)


def licence_notice(*, licence: str, attribution: str, what: str) -> str:
    """A licence notice: what it covers, its name, where its text stands, the attribution to keep."""
    href = licence_href(licence)
    name = f"{licence_name(licence)} (SPDX: {licence})\nText: {href}" if href else licence_name(licence)
    return (
        f"{what}\n\nLicence: {name}\n\n"
        f"Attribution to keep with every copy and derived work:\n{attribution}\n\n"
        f"{_USE if href else _USE_OTHER}"
    )


def write_root_documents(
    root: Path, contents: ReleaseContents, *, annotations: AnnotationSummary, dataset: DatasetSummary, map_pieces: int
) -> None:
    """Write README.md, the licence notices and nomenclature.json at the root of the release.

    LICENSE.txt covers the whole release in two parts; LICENSE-imagery.txt is the second one alone.
    """
    sections = [_summary(contents, annotations, dataset, map_pieces, language) for language in ("fr", "en")]
    write_text(root / layout.README, "\n".join([f"# {contents.title['fr']} {contents.version}\n", *sections]))
    write_text(root / layout.LICENCE, whole_notice(contents))
    write_text(root / layout.IMAGERY_LICENCE, imagery_notice(contents))
    write_text(root / layout.NOMENCLATURE, canonical_json(nomenclature_json(contents)))


def whole_notice(contents: ReleaseContents) -> str:
    """The notice of all that a release holds: what people and models made, then the pixels of the imagery."""
    head = (
        f"{contents.title['fr']} / {contents.title['en']}, version {contents.version}\n"
        f"{contents.publisher}, {contents.published_on.date().isoformat()}\n"
    )
    labels = licence_notice(licence=contents.licence, attribution=contents.attribution, what=f"1. {_LABELS}")
    return f"{head}\n{labels}\n\n{imagery_notice(contents, number='2. ')}"


def imagery_notice(contents: ReleaseContents, *, number: str = "") -> str:
    """The notice of the imagery's pixels, which keep their own licence and attribution."""
    layer = contents.layer
    what = f"{number}{_PIXELS}\n{layer.title}, {layer.vintage}"
    return licence_notice(licence=layer.licence, attribution=layer.attribution, what=what)


def nomenclature_json(contents: ReleaseContents) -> dict[str, object]:
    """The class tree as JSON; that of a theme says which national tree it refines, and each class's national code."""
    tree = contents.nomenclature
    theme = tree.extends
    classes = [
        {
            "code": item.code,
            "parent": item.parent,
            "name": dict(item.name),
            "definition": dict(item.definition),
            "colour": item.colour,
            "selectable": item.selectable,
            "raster_value": item.raster_value,
            **({"national_code": national_code(item.code)} if theme else {}),
        }
        for item in tree.classes
    ]
    head: dict[str, object] = {
        "code": tree.code,
        "version": tree.version,
        "title": dict(tree.title),
        "source": tree.source,
    }
    if theme:
        head["extends"] = {"code": theme[0], "version": theme[1]}
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
        "dataset_licence": contents.dataset_licence,
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
        **({} if contents.coarsened is None else {"coarsened_from": coarsened_json(contents.coarsened)}),
        "software": {
            "name": "solcommun",
            "version": contents.software_version,
            "commit": contents.code_commit,
        },
        "code_url": contents.code_url,
        "model": None if contents.model is None else {"name": contents.model.name, "version": contents.model.version},
        "maps": None if contents.maps is None else maps_json(contents.maps),
        "counts": {
            "features": annotations.features,
            "annotations": annotations.annotations,
            "contributors": annotations.contributors,
            "features_by_class": annotations.class_counts,
            "tiles": dataset.tiles,
            "pixels_by_class": dataset.class_px,
            **({"patches": len(contents.patches)} if contents.patches else {}),
        },
        **({"change": change_json(contents)} if contents.change else {}),
        **({"artificialisation": ground_json(contents)} if contents.ground else {}),
        **({} if contents.changes is None else {"changes": to_json(contents.changes)}),
        "left_out": {
            "annotations_by_licence": dict(contents.left_out.by_licence),
            "annotations_that_go_on_from_unlicensed_work": contents.left_out.built_on_others,
            **({"patches": contents.left_out.patches} if contents.left_out.patches else {}),
        },
    }


def maps_json(maps: MapRecord) -> dict[str, object]:
    """Which map is published, and as what: whether there are polygons, by which rule, else why not."""
    polygons: dict[str, object] = {"status": "not made", "reason": maps.no_polygons}
    if maps.polygons is not None:
        rule = {"code": maps.polygons.rule_code, "version": maps.polygons.rule_version}
        polygons = {"status": "published", "minimum_units": rule, "polygons": maps.polygons.polygons}
        polygons["figures"] = dict(maps.polygons.figures)
    return {
        "prediction_id": maps.prediction_id,
        "predicted_on": maps.predicted_on.isoformat(),
        "tile_km": TILE_KM,
        "polygons": polygons,
    }


_WORDS = {
    "fr": {
        "more": "Voir `NOTES.md`.",
        "head": "## Français\n\n*{title}*\n\n{description}\n",
        "date": "- Publié le {day} par {publisher}. Annotations, masques, modèles, cartes : {licence} ; {attribution}.",
        "imagery": "- Imagerie : {layer}, millésime {vintage}, {gsd:g} m par pixel. {attribution} ; {licence}.",
        "annotations": "- `annotations/` : {features} polygones de {annotations} annotations, par {people} "
        "contributeur(s) "
        "(identifiants aléatoires), en GeoParquet, GeoPackage et GeoJSON.",
        "left_out": "- {left_out} annotation(s) acceptée(s) ne sont pas publiées, faute d'une licence qui le permette.",
        "patches": "- `patches/` : {patches} endroit(s) où un millésime antérieur était mal étiqueté, avec la classe "
        "juste : des corrections, jamais des changements du sol.",
        "patches_left_out": "- {n} correction(s) ne sont pas publiées, faute d'une licence qui le permette.",
        "dataset": "- `dataset/` : {train} tuiles d'entraînement et {test} de test, arborescence FLAIR ; les images "
        "gardent la licence de l'imagerie, voir `LICENSE.txt`.",
        "model": "- `models/` : {name} {version}, poids, configuration et fiche.",
        "runnable model": "- `models/` : {name} {version}, poids, configuration et fiche ; `predict.py` l'emploie avec "
        "torch et rasterio seuls, `model.onnx` est pour ONNX Runtime.",
        "maps": "- `maps/` : {files} dalle(s) de carte de prédiction, de 10 km au plus (classes, entropie, et ce que "
        "des personnes y ont étiqueté), et leurs styles.",
        "national maps": "- `maps/` : {files} dalle(s) de carte de prédiction, de 10 km au plus (classes nationales, "
        "et ce que des personnes y ont étiqueté), et leurs styles.",
        "polygons": "- `maps/vectors/` : la carte en polygones qui partagent leurs limites.",
        "no polygons": "- La carte n'est pas publiée en polygones : `release.json` dit pourquoi.",
        "bias": "Les tuiles d'entraînement sont choisies par l'incertitude du modèle : elles ne forment "
        "pas un "
        "échantillon probabiliste. N'en tirez ni surface ni taux d'erreur ; le jeu de test, lui, est tiré "
        "au hasard "
        "avant la campagne et n'est jamais montré au modèle.",
        "verify": "Vérifier ce dossier : `sha256sum -c SHA256SUMS`, ou `solcommun verify .` (le client, dans le dépôt "
        "de la plateforme).",
    },
    "en": {
        "more": "See `NOTES.md`.",
        "head": "## English\n\n*{title}*\n\n{description}\n",
        "date": "- Published on {day} by {publisher}. Annotations, masks, models, maps: {licence}; {attribution}.",
        "imagery": "- Imagery: {layer}, vintage {vintage}, {gsd:g} m a pixel. {attribution}; {licence}.",
        "annotations": "- `annotations/`: {features} polygons of {annotations} annotations, by {people} "
        "contributor(s) "
        "(random identifiers), as GeoParquet, GeoPackage and GeoJSON.",
        "left_out": "- {left_out} accepted annotation(s) are not published, for want of a licence that allows it.",
        "patches": "- `patches/`: {patches} place(s) where an earlier vintage was labelled wrongly, with the class "
        "that is right: corrections, never changes of the ground.",
        "patches_left_out": "- {n} correction(s) are not published, for want of a licence that allows it.",
        "dataset": "- `dataset/`: {train} training and {test} test tiles, in FLAIR's layout; the images keep the "
        "imagery's licence, see `LICENSE.txt`.",
        "model": "- `models/`: {name} {version}, weights, configuration and card.",
        "runnable model": "- `models/`: {name} {version}, weights, configuration and card; `predict.py` uses it with "
        "torch and rasterio alone, `model.onnx` is for ONNX Runtime.",
        "maps": "- `maps/`: {files} piece(s) of prediction map, of 10 km at most (classes, entropy, and what people "
        "labelled there), and their styles.",
        "national maps": "- `maps/`: {files} piece(s) of prediction map, of 10 km at most (national classes, and what "
        "people labelled there), and their styles.",
        "polygons": "- `maps/vectors/`: the map as polygons that share their edges.",
        "no polygons": "- The map is not published as polygons: `release.json` says why.",
        "bias": "Training tiles are chosen by the model's uncertainty: they are not a probability sample. "
        "Draw no area "
        "and no error rate from them; the test split is drawn at random before the campaign and never "
        "shown to the "
        "model.",
        "verify": "Check this folder: `sha256sum -c SHA256SUMS`, or `solcommun verify .` (the client, in the "
        "platform's repository).",
    },
}


def _summary(
    contents: ReleaseContents, annotations: AnnotationSummary, dataset: DatasetSummary, map_pieces: int, language: str
) -> str:
    words, layer = _WORDS[language], contents.layer
    lines = [
        words["head"].format(title=contents.title[language], description=contents.description[language]),
        *view_words(contents, language),
        *([f"{first_paragraph(told)} {words['more']}\n"] if (told := notes_in(contents, language)) else []),
        words["date"].format(
            day=contents.published_on.date().isoformat(),
            publisher=contents.publisher,
            attribution=contents.attribution,
            licence=licence_link(contents.licence),
        ),
        words["imagery"].format(
            layer=layer.title,
            vintage=layer.vintage,
            gsd=layer.gsd_m,
            attribution=layer.attribution,
            licence=licence_link(layer.licence),
        ),
        words["annotations"].format(
            features=annotations.features,
            annotations=annotations.annotations,
            people=annotations.contributors,
        ),
        *([words["left_out"].format(left_out=contents.left_out.total)] if contents.left_out.total else []),
        *([words["patches"].format(patches=len(contents.patches))] if contents.patches else []),
        *([words["patches_left_out"].format(n=contents.left_out.patches)] if contents.left_out.patches else []),
        words["dataset"].format(train=dataset.tiles["train"], test=dataset.tiles["test"]),
    ]
    if contents.model is not None:
        model = words["model" if contents.model.runnable is None else "runnable model"]
        lines.append(model.format(name=contents.model.name, version=contents.model.version))
    if contents.maps is not None:
        lines.append(words["maps" if contents.coarsened is None else "national maps"].format(files=map_pieces))
        lines.append(words["no polygons" if contents.maps.polygons is None else "polygons"])
    lines += ground_lines(contents, language)
    return "\n".join([*lines, "", words["bias"], "", words["verify"], ""])


def write_dataset_card(root: Path, contents: ReleaseContents, dataset: DatasetSummary) -> None:
    """Write dataset/README.md with the front matter Hugging Face reads, and dataset/LICENSE.txt beside it."""
    slug, tree, layer = contents.campaign.slug, contents.nomenclature, contents.layer
    write_text(root / layout.DATASET_LICENCE, whole_notice(contents))
    front = front_matter(
        {
            **_hub_licence_fields(contents),
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
        "the layout of FLAIR, the domain being campaign and year, the zone the spatial block. `train.csv`, "
        "`val.csv` and `test.csv` list `image,mask` without header: "
        f"{', '.join(f'{count} {name}' for name, count in dataset.subsets.items())}. "
        "`val.csv` takes whole spatial blocks out of the training folders, a fifth of them, the same in every release; "
        "they may touch blocks of `train.csv`. `tiles.parquet` (GeoParquet) has one row a tile with its outline, "
        "subset, digests and pixels by class; `croissant.json` describes all of it (Croissant 1.1, GeoCroissant). "
        f"From {SHARDS_FROM:,} tiles on, `shards/` holds the same tiles for WebDataset.\n\n"
        "`load_dataset.py` loads the tiles for PyTorch, from folders or shards, and for torchgeo; run as a program it "
        "trains a tiny network for two epochs.\n\n"
        "Masks hold the values below; 0 is not labelled and must be ignored in training.\n\n"
        f"{''.join(f'{words}{chr(10)}' for words in view_words(contents, 'en'))}"
        f"| value | code | class | pixels |\n|---|---|---|---|\n{chr(10).join(rows)}\n\n"
        "The test split is the campaign's hold-out: whole spatial blocks drawn at random before the first "
        "label, with a "
        "buffer of tiles that belong to no split. Training tiles were chosen by active learning and are "
        "not a "
        "probability sample.\n\n"
        f"Masks: {licence_link(contents.licence)}; {contents.attribution}. Images: {licence_link(layer.licence)}; "
        f"{layer.attribution}. Notices: `LICENSE.txt`.\n",
    )


def _hub_licence_fields(contents: ReleaseContents) -> dict[str, object]:
    names = hub_licences(contents.licence, contents.layer.licence)
    if OTHER in names:
        return {"license": OTHER, "license_name": "see-license-txt", "license_link": "LICENSE.txt"}
    return {"license": names if len(names) > 1 else names[0]}


def front_matter(fields: dict[str, object]) -> str:
    """YAML front matter; each value is written as JSON, which is YAML."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---", "", ""])
