"""Answers of OGC API Features held to the schemas that the Open Geospatial Consortium publishes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

FOLDER = Path(__file__).parent / "learning" / "ogc_schemas"


@cache
def schemas() -> dict[str, Any]:
    """Part 1 with what Part 2 adds to a collection."""
    first, second = (
        yaml.safe_load((FOLDER / f"ogcapi-features-{part}.yaml").read_text(encoding="utf-8")) for part in (1, 2)
    )
    added = second["components"]["schemas"]["collectionExtensionCrs"]["properties"]
    first["components"]["schemas"]["collection"]["properties"].update(added)
    return first  # type: ignore[no-any-return]


def faults(name: str, body: object) -> list[str]:
    """What is wrong with a document, by the official schema of this name; links are held to theirs."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": schemas()["components"]}
    checker = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(body)]


def checked(answer: Any, name: str) -> Any:
    """The body of a 200 answer that has no fault."""
    assert answer.status_code == 200, answer.content
    body = json.loads(answer.content)
    assert faults(name, body) == []
    return body
