from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from release_site import ReleaseSite

from solcommun_client import Listed, Refused, releases
from solcommun_client.site import is_release
from solcommun_client.web import Web


def write(root: Path, path: str, document: Any) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(json.dumps(document))


def catalogue(*children: str) -> dict[str, Any]:
    links = [{"rel": "child", "href": href} for href in children]
    return {"type": "Catalog", "links": [{"rel": "self", "href": "catalog.json"}, *links]}


def release(version: str, **more: Any) -> dict[str, Any]:
    links = [{"rel": "about", "href": f"../../releases/a-{version}/"}, {"rel": "child", "href": "../own/catalog.json"}]
    return {"type": "Collection", "title": f"A {version}", "version": version, "links": links, **more}


def test_releases_are_listed_territory_by_territory_and_older_pages_followed(site: ReleaseSite, web: Web) -> None:
    write(site.root, "stac/catalog.json", catalogue("a/catalog.json", "b/catalog.json"))
    write(site.root, "stac/a/catalog.json", catalogue("2.0.0.json", "earlier-2.json"))
    write(site.root, "stac/a/earlier-2.json", catalogue("1.0.0.json", "catalog.json"))  # a circle
    write(site.root, "stac/b/catalog.json", catalogue("0.1.0.json"))
    write(site.root, "stac/a/2.0.0.json", release("2.0.0", **{"sci:doi": "10.5281/zenodo.1"}))
    write(site.root, "stac/a/1.0.0.json", release("1.0.0", deprecated=True))
    write(site.root, "stac/b/0.1.0.json", release("0.1.0"))
    home = f"http://127.0.0.1:{site.port}/"
    assert releases(web, home) == [
        Listed(f"{home}releases/a-2.0.0/", "A 2.0.0", "2.0.0", False, "10.5281/zenodo.1"),
        Listed(f"{home}releases/a-1.0.0/", "A 1.0.0", "1.0.0", True, ""),
        Listed(f"{home}releases/a-0.1.0/", "A 0.1.0", "0.1.0", False, ""),
    ]
    assert releases(web, f"{home}releases/") == releases(web, home)


def test_a_catalogue_leads_to_no_other_site(site: ReleaseSite, web: Web) -> None:
    write(site.root, "stac/catalog.json", catalogue("https://elsewhere.invalid/catalog.json", "file:///etc/passwd"))
    assert releases(web, f"http://127.0.0.1:{site.port}/") == []
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("url", "one"),
    [
        ("https://a.org/", False),
        ("https://a.org/releases/", False),
        ("https://a.org/releases/gers-1.0.0/", True),
        ("https://a.org/releases/gers-1.0.0/files/manifest.json", True),
    ],
)
def test_an_address_is_of_a_release_or_of_a_site(url: str, one: bool) -> None:
    assert is_release(url) is one


def test_what_is_no_catalogue_is_refused(site: ReleaseSite, web: Web) -> None:
    write(site.root, "stac/catalog.json", ["no", "catalogue"])
    with pytest.raises(Refused, match="no catalogue"):
        releases(web, site.url)
