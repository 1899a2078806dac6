"""Lines of a release's README on the ground: what changed, and what is artificialised, in French and English."""

from __future__ import annotations

from learning.release.contents import ReleaseContents

_CHANGE = {
    "fr": "- `change/` : ce qui a changé depuis une imagerie plus ancienne ({since}), estimé sur des lieux tirés au "
    "sort que des personnes ont regardés aux deux dates, jamais par différence de deux cartes ; intervalles à 95 %, "
    "comptages, poids, formules, et les lieux.",
    "en": "- `change/`: what changed since earlier imagery ({since}), estimated from places drawn at random that "
    "people looked at on both dates, never the difference of two maps; 95% intervals, counts, weights, formulas, "
    "and the places.",
}

_GROUND = {
    "fr": "- `artificialisation/` : le sol artificialisé selon le décret, en GeoParquet et GeoPackage, chaque polygone "
    "avec sa couverture, son usage et le critère retenu ; `figures.json` donne les surfaces, les sources d'usage et "
    "leurs dates. {kind}",
    "en": "- `artificialisation/`: ground artificialised by the decree, as GeoParquet and GeoPackage, each polygon "
    "with its cover, its usage and the criterion applied; `figures.json` has the areas, the sources of usage and their "
    "dates. {kind}",
}
_KINDS = {
    "bracket": {
        "fr": "L'usage n'est pas connu partout où il décide : lisez deux bornes, jamais l'une d'elles seule.",
        "en": "Usage is not known wherever it decides: read two bounds, never one of them alone.",
    },
    "figure": {
        "fr": "Les surfaces sont celles que la carte compte, sans correction de ses erreurs.",
        "en": "Areas are what the map counts, not corrected for its errors.",
    },
}
_NO_GROUND = {
    "licence": {
        "fr": "- Le sol artificialisé n'est pas publié : la source d'usage {about} n'est pas sous une licence que "
        "cette publication peut porter.",
        "en": "- Artificialised ground is not published: the source of usage {about} is not under a licence that this "
        "release may carry.",
    },
    "not_computed": {
        "fr": "- Le sol artificialisé n'est pas publié : il n'était pas calculé.",
        "en": "- Artificialised ground is not published: it was not computed.",
    },
    "made_again": {
        "fr": "- Le sol artificialisé n'est pas publié : il était en cours de calcul.",
        "en": "- Artificialised ground is not published: it was being computed.",
    },
}


def ground_lines(contents: ReleaseContents, language: str) -> list[str]:
    """A line a folder that the release has."""
    lines = []
    since = [str(one.figures["first"]["title"]) for one in contents.change if one.places]  # type: ignore[index]
    if since:
        lines.append(_CHANGE[language].format(since=", ".join(since)))
    if contents.ground is not None and contents.ground.reason:
        lines.append(_NO_GROUND[contents.ground.reason][language].format(about=contents.ground.about))
    elif contents.ground is not None:
        kind = _KINDS[str(contents.ground.figures["kind"])][language]
        lines.append(_GROUND[language].format(kind=kind))
    return lines
