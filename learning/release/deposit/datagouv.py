"""A release as a dataset of data.gouv.fr (udata): one dataset a campaign, one resource a file that people look for.

The files stay where they are: resources are addresses of the site with size and SHA-256, so that nothing is stored
twice and the catalogue checks them. Addresses, fields and choices are those of udata 17.18 (`core/dataset/api.py`,
`forms.py` and `constants.py`). Not tried on data.gouv.fr.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from learning.release import layout
from learning.release.deposit.calls import Call, Found, Plan, Question, Step, json_body
from learning.release.deposit.record import DepositRecord, paragraphs
from learning.release.manifest import FileEntry

TARGET = "datagouv"
_LICENCES = {"etalab-2.0": "lov2", "ODbL-1.0": "odc-odbl", "ODC-By-1.0": "odc-by", "CC-BY-4.0": "cc-by",
             "CC-BY-SA-4.0": "cc-by-sa", "CC0-1.0": "cc-zero"}  # fmt: skip
_TYPES = {".parquet": "application/vnd.apache.parquet", ".gpkg": "application/geopackage+sqlite3",
          ".geojson": "application/geo+json", ".jsonld": "application/ld+json", ".tif": "image/tiff",
          ".md": "text/markdown", ".pmtiles": "application/vnd.pmtiles"}  # fmt: skip
_DOCUMENTS = (
    layout.README,
    layout.LICENCE,
    layout.MANIFEST,
    layout.CATALOG,
    layout.NOMENCLATURE,
    layout.DCAT,
    layout.NOTES,
)
MOST_RESOURCES = 200


def offered(record: DepositRecord) -> list[FileEntry]:
    """The files that become resources: labels, maps, models, tables and cards; not each tile, nor each catalogue item.

    Maps of many pieces are left to the catalogue once there would be more resources than anybody reads.
    """

    def wanted(path: str) -> bool:
        top, _, rest = path.partition("/")
        tables = top == layout.DATASET_DIR and rest.count("/") == 0
        return path in _DOCUMENTS or top in (layout.ANNOTATIONS_DIR, layout.MODELS_DIR, layout.MAPS_DIR) or tables

    found = sorted((entry for entry in record.files if wanted(entry.path)), key=lambda entry: entry.path)
    if len(found) > MOST_RESOURCES:
        found = [entry for entry in found if not (entry.path.startswith("maps/") and entry.path.endswith(".tif"))]
    return found


def datagouv_plan(record: DepositRecord, *, origin: str, organisation: str, dataset: str | None) -> Plan:
    """The campaign's dataset, then a resource a file, then showing it.

    Args: organisation: id of the organisation that publishes. dataset: the campaign's dataset, where there is one.
    """
    tag = campaign_tag(record)
    hidden, shown = (json_body({**dataset_form(record, organisation), "private": private}) for private in (True, False))
    there = f"{origin}/api/1/datasets/{{dataset}}/"

    def mine(answer: Any) -> Found:
        for item in answer["data"]:
            if tag in item.get("tags", []):
                return Found(done=True, known=_made(item).known)
        return Found()

    asked = urlencode({"organization": organisation, "tag": tag, "page_size": 20})
    steps = [
        Step(
            "dataset",
            (Call("make the dataset", "POST", f"{origin}/api/1/datasets/", hidden, accepts=(201,), reads=_made),),
            Question(f"{origin}/api/1/datasets/?{asked}", mine),
            gives="dataset",
        ),
        *(_resource_step(there, record, entry) for entry in offered(record)),
        Step("show", (Call("say what it is, and show it", "PUT", there, shown, reads=_made),), last=True),
    ]
    known = {"dataset": dataset, "record": dataset} if dataset is not None else {}
    return Plan(TARGET, record.name, origin, ("X-API-KEY", ""), tuple(steps), known)


def campaign_tag(record: DepositRecord) -> str:
    """By which the campaign's dataset is found again: udata keeps tags in small letters, at most 96 long."""
    return f"solcommun-{record.campaign}".lower()[:96]


def dataset_form(record: DepositRecord, organisation: str) -> dict[str, Any]:
    """The form of a dataset. The organisation is the only author."""
    return {
        "title": record.title["fr"][:350],
        "description": "\n\n".join(paragraphs(record)),
        "organization": organisation,
        "license": _LICENCES.get(record.licence, "other-open"),
        "frequency": "irregular",
        "tags": sorted({"couverture-du-sol", "ocs-ge", "annotation", campaign_tag(record)}),
        "temporal_coverage": {"start": f"{record.vintage}-01-01", "end": f"{record.vintage}-12-31"},
        "extras": {"solcommun:version": record.version, "solcommun:manifest_sha256": record.manifest_sha256},
    }


def _made(answer: Any) -> Found:
    return Found(known={"dataset": str(answer["id"]), "record": str(answer["id"]), "page": str(answer["page"])})


def _resource_step(there: str, record: DepositRecord, entry: FileEntry) -> Step:
    address = record.file_address(entry.path)
    suffix = PurePosixPath(entry.path).suffix
    form = {
        "title": f"{record.version} : {entry.path}",
        "description": f"{record.page}",
        "type": "documentation" if entry.path in _DOCUMENTS else "main",
        "filetype": "remote",
        "url": address,
        "format": suffix.removeprefix(".") or "txt",
        "mime": _TYPES.get(suffix) or mimetypes.guess_type(entry.path)[0] or "application/octet-stream",
        "filesize": entry.size,
        "checksum": {"type": "sha256", "value": entry.sha256},
    }

    def there_already(answer: Any) -> Found:
        resources: Sequence[Any] = answer.get("resources", [])
        return Found(done=any(item.get("url") == address for item in resources), known=_made(answer).known)

    call = Call("add it", "POST", f"{there}resources/", json_body(form), accepts=(201,))
    return Step(f"resource {entry.path}", (call,), Question(there, there_already))
