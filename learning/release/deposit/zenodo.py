"""A release as a record of Zenodo, or of any other InvenioRDM.

Addresses and fields are those of invenio-rdm-records 36.0 (`resources/config.py`, `services/schemas/`). Zenodo's limits
of 100 files and 50 GB a record are as its users know them. A record has no folders: each folder of the release goes as
one zip. Not tried on Zenodo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from learning.release.deposit.calls import Call, FileBody, Found, Plan, Question, Step, json_body
from learning.release.deposit.record import DepositRecord, as_html
from learning.release.licences import OTHER, licence_name

TARGET = "zenodo"
#: Zenodo answers plain JSON in the form it had before it was an InvenioRDM, without pids.
ACCEPT = "application/vnd.inveniordm.v1+json"
MOST_FILES = 100
MOST_BYTES = 50 * 10**9


def zenodo_plan(record: DepositRecord, files: Sequence[FileBody], *, origin: str, previous: str | None) -> Plan:
    """Draft, metadata, files, and publishing as the last step.

    Args:   previous: id of the record of an earlier version of the campaign's releases, of which this becomes the next.
    Raises: ValueError (more than a record takes).
    """
    total = sum(body.size for body in files)
    if len(files) > MOST_FILES or total > MOST_BYTES:
        raise ValueError(f"{len(files)} files of {total} bytes: a record of Zenodo takes {MOST_FILES} and {MOST_BYTES}")
    content = json_body(
        {
            "access": {"record": "public", "files": "public"},
            "files": {"enabled": True},
            "metadata": metadata(record),
        }
    )
    draft = f"{origin}/api/records/{{record}}/draft"
    steps = [
        _create(record, content, origin=origin, previous=previous),
        Step("metadata", (Call("say what it is", "PUT", draft, content),)),
        *(_file_step(draft, body) for body in files),
        Step(
            "publish",
            (Call("publish", "POST", f"{draft}/actions/publish", accepts=(200, 202), reads=_published),),
            # A draft that was published is a record.
            question=Question(f"{origin}/api/records/{{record}}", _is_published),
            last=True,
        ),
    ]
    known = {"previous": previous} if previous is not None else {}
    return Plan(TARGET, record.name, origin, ("Authorization", "Bearer "), tuple(steps), known, ACCEPT)


def metadata(record: DepositRecord) -> dict[str, Any]:
    """Metadata of InvenioRDM. The publisher is the creator; nobody else is named."""
    rights: list[dict[str, Any]] = []
    for licence in record.licences:
        if licence == OTHER:
            rights.append({"title": {"en": licence_name(licence)}, "description": {"en": record.attribution}})
        else:
            rights.append({"id": licence.lower()})
    related = []
    if record.code_url:
        related = [{"identifier": record.code_url, "scheme": "url", "relation_type": {"id": "iscompiledby"}}]
    return {
        "resource_type": {"id": "dataset"},
        "title": f"{record.title['fr']} {record.version}",
        "creators": [{"person_or_org": {"type": "organizational", "name": record.publisher}}],
        "publication_date": record.published_on,
        "publisher": record.publisher,
        "version": record.version,
        "description": as_html(record),
        "languages": [{"id": "fra"}, {"id": "eng"}],
        "rights": rights,
        "subjects": [{"subject": word} for word in ("land cover", "couverture du sol", "aerial imagery", "OCS GE")],
        "identifiers": [{"identifier": record.page, "scheme": "url"}],
        "related_identifiers": related,
    }


def _create(record: DepositRecord, content: bytes, *, origin: str, previous: str | None) -> Step:
    """The draft. Where an answer was lost, the draft it made is found by the page it names."""
    if previous is not None:
        # Asked twice, it answers with the same draft.
        again = f"{origin}/api/records/{{previous}}/versions"
        return Step(
            "draft",
            (Call("begin the next version", "POST", again, accepts=(200, 201), reads=_drafted),),
            gives="record",
        )
    words = quote(f'metadata.identifiers.identifier:"{record.page}"', safe="")

    def mine(answer: Any) -> Found:
        for hit in answer["hits"]["hits"]:
            named = [item.get("identifier") for item in hit["metadata"].get("identifiers", [])]
            if record.page in named:
                return Found(done=True, known=_drafted(hit).known)
        return Found()

    call = Call("begin a draft", "POST", f"{origin}/api/records", content, accepts=(201,), reads=_drafted)
    return Step("draft", (call,), Question(f"{origin}/api/user/records?q={words}&size=25", mine), gives="record")


def _drafted(answer: Any) -> Found:
    return Found(known={"record": str(answer["id"]), "page": str(answer["links"]["self_html"])})


def _is_published(answer: Any) -> Found:
    return _published(answer) if answer.get("is_published") else Found()


def _published(answer: Any) -> Found:
    """The record as it was published, with its DOI."""
    doi = answer.get("pids", {}).get("doi", {}).get("identifier", "")
    page = str(answer["links"]["self_html"])
    return Found(done=True, known={"record": str(answer["id"]), "page": page, **({"doi": str(doi)} if doi else {})})


def _file_step(draft: str, body: FileBody) -> Step:
    address = f"{draft}/files/{quote(body.name, safe='')}"
    begun = f"begun:{body.name.lower()}"

    def same(answer: Any) -> Found:
        if answer.get("status") != "completed":
            return Found(hints={begun: "yes"})
        return Found(done=answer.get("checksum") == f"md5:{body.md5}", hints={f"other:{body.name.lower()}": "yes"})

    def arrived(answer: Any) -> Found:
        if answer.get("checksum") != f"md5:{body.md5}":
            raise ValueError(f"{body.name} arrived as {answer.get('checksum')}, it is md5:{body.md5}")
        return Found()

    calls = (
        # There with other bytes, from a draft somebody edited by hand: it makes room.
        Call("remove what has its name", "DELETE", address, accepts=(204,), needs=f"other:{body.name.lower()}"),
        Call("name it", "POST", f"{draft}/files", json_body([{"key": body.name}]), accepts=(201,), unless=begun),
        Call("send it", "PUT", f"{address}/content", body, "application/octet-stream"),
        Call("say it is whole", "POST", f"{address}/commit", reads=arrived),
    )
    return Step(f"file {body.name}", calls, Question(address, same))
