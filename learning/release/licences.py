"""Licences a release may carry: their name and where their text stands, by SPDX identifier."""

from __future__ import annotations

_KNOWN = {
    "etalab-2.0": (
        "Licence Ouverte / Open Licence 2.0",
        "https://www.etalab.gouv.fr/wp-content/uploads/2018/11/open-licence.pdf",
    ),
    "CC-BY-4.0": (
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/",
    ),
    "CC0-1.0": ("Creative Commons Zero 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "ODbL-1.0": ("Open Database License 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "ODC-By-1.0": (
        "Open Data Commons Attribution License 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
    ),
    "Apache-2.0": ("Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
}


def licence_name(spdx: str) -> str:
    """Full name of a licence, its identifier when we know no more."""
    return _KNOWN[spdx][0] if spdx in _KNOWN else spdx


def licence_href(spdx: str) -> str:
    """Address of the licence's text."""
    return _KNOWN[spdx][1] if spdx in _KNOWN else f"https://spdx.org/licenses/{spdx}.html"
