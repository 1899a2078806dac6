"""Licences a release may carry: their name and where their text stands, by SPDX identifier.

Labels, masks, models and maps are under the contributions' licence. Images of the dataset are copies of the imagery's
pixels and keep the imagery's licence, which may be "other": the terms of its owner.
"""

from __future__ import annotations

OTHER = "other"

_KNOWN = {
    "etalab-2.0": (
        "Licence Ouverte / Open Licence 2.0",
        "https://www.etalab.gouv.fr/wp-content/uploads/2018/11/open-licence.pdf",
    ),
    "CC-BY-4.0": (
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/",
    ),
    "CC-BY-SA-4.0": (
        "Creative Commons Attribution Share Alike 4.0 International",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    ),
    "CC0-1.0": ("Creative Commons Zero 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "ODbL-1.0": ("Open Database License 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "ODC-By-1.0": (
        "Open Data Commons Attribution License 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
    ),
    "Apache-2.0": ("Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
}
#: By licence of a release, other licences whose works may be given on under it. Sources, by the licence given on:
#: CC0 1.0 sets no condition; Licence Ouverte 2.0, "compatible with any free licence that asks for attribution at
#: least"; CC BY 4.0 section 3(a)(4); ODC-By 1.0 section 4.2.
_CARRIED = {
    "etalab-2.0": {"CC0-1.0"},
    "CC-BY-4.0": {"CC0-1.0", "etalab-2.0"},
    "CC-BY-SA-4.0": {"CC0-1.0", "etalab-2.0", "CC-BY-4.0"},
    "ODC-By-1.0": {"CC0-1.0", "etalab-2.0"},
    "ODbL-1.0": {"CC0-1.0", "etalab-2.0", "ODC-By-1.0"},
}
_HUB = {"ODbL-1.0": "odbl", "ODC-By-1.0": "odc-by"}  # where Hugging Face's name is not the identifier in small letters


def carried_licences(licence: str) -> list[str]:
    """Licences that contributions may have been given under to be published under this one: itself, and some freer."""
    return sorted({licence} | _CARRIED.get(licence, set()))


def licence_name(licence: str) -> str:
    """Full name of a licence, its identifier when we know no more."""
    if licence == OTHER:
        return "terms of the imagery's owner"
    return _KNOWN[licence][0] if licence in _KNOWN else licence


def licence_href(licence: str) -> str | None:
    """Address of the licence's text; None for "other", which is nobody's published text."""
    if licence == OTHER:
        return None
    return _KNOWN[licence][1] if licence in _KNOWN else f"https://spdx.org/licenses/{licence}.html"


def licence_words(licence: str) -> str:
    """A licence in a sentence: name and, where there is one, the address of its text."""
    href = licence_href(licence)
    return licence_name(licence) if href is None else f"{licence_name(licence)}, {href}"


def licence_link(licence: str) -> str:
    """A licence as Markdown, a link where its text has an address."""
    href = licence_href(licence)
    return licence_name(licence) if href is None else f"[{licence_name(licence)}]({href})"


def dataset_licence(*, contributions: str, imagery: str) -> str:
    """Licence of a dataset of masks and images: an SPDX expression, or "other" when the imagery's is."""
    if contributions == imagery:
        return contributions
    return OTHER if OTHER in (contributions, imagery) else f"{contributions} AND {imagery}"


def stac_licence(expression: str) -> str:
    """A licence as STAC 1.1.0's schemas take it: one identifier, else "other" beside links to the notices.

    Its text allows SPDX expressions; its schema (licensing.json: letters, digits, `-`, `.`, `+`) refuses their spaces.
    """
    return expression if " " not in expression else OTHER


def hub_licences(*licences: str) -> list[str]:
    """Licences as Hugging Face names them, each once, in order."""
    return list(dict.fromkeys(_HUB.get(licence, licence.lower()) for licence in licences))
