"""The site's OGC API Features judged by schemathesis, which makes its requests from the API's own OpenAPI document.

Requests that the document allows and such that it does not; each answer is held against it: status, media type,
headers, shape, methods that are not offered, and never a fault of the server. Two checks are left out: that whatever
breaks the document is refused, since a limit above the most is taken for the most; and that whatever keeps to it is
accepted, since the document tells of all collections at once, and a CRS or a filter may be offered by some alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from _check_validators import Seen

VALIDATOR = "schemathesis (OGC API Features)"
_REQUESTS = 60  # of each operation and phase
_A_MINUTE = 550  # the site answers 600 to one address
_CONTRARY = "negative_data_rejection,positive_data_acceptance"
_RUN = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"


def ogc_api(url: str) -> Iterator[Seen]:
    """Each operation, asked about the site's first collection of labels and of polygons, and about any name at all.

    Args: url: the site's.
    """
    listed = _json(f"{url}/ogc/collections")["collections"]
    kinds = {item["id"].rsplit(".", 1)[-1]: item["id"] for item in reversed(listed)}
    for collection in (*kinds.values(), ""):
        settings = ""
        if collection:
            [feature] = _json(f"{url}/ogc/collections/{collection}/items?limit=1")["features"]
            named = {"path.collectionId": collection, "path.featureId": str(feature["id"])}
            settings = "[parameters]\n" + "".join(f"{json.dumps(k)} = {json.dumps(v)}\n" for k, v in named.items())
        yield from _judged(url, settings, collection or "any collection")


def _judged(url: str, settings: str, about: str) -> Iterator[Seen]:
    with tempfile.TemporaryDirectory(prefix="ogc-") as folder:
        config, report = Path(folder) / "schemathesis.toml", Path(folder) / "report.xml"
        config.write_text(settings)
        done = subprocess.run(
            [sys.executable, "-c", _RUN, "--config-file", config, "run", f"{url}/ogc/api", "--seed", "1",
             "--phases", "examples,coverage,fuzzing", "--max-examples", str(_REQUESTS), "--rate-limit",
             f"{_A_MINUTE}/m", "--exclude-checks", _CONTRARY, "--continue-on-failure", "--no-shrink",
             "--report", "junit", "--report-junit-path", report],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not report.exists():
            yield Seen(VALIDATOR, about, ((done.stderr or done.stdout).strip()[-400:],))
            return
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (written by the program just run)
            found = [*case.iter("failure"), *case.iter("error")]
            said = tuple(" ".join(f"{one.get('message') or ''} {one.text or ''}".split())[:300] for one in found)
            yield Seen(VALIDATOR, f"{about}: {case.get('name')}", said)


def _json(address: str) -> dict[str, list[dict[str, str]]]:
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 (our own address)
        return dict(json.load(answer))
