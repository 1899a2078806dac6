"""Which releases a site has, from its STAC catalogue: territories, and in each its releases."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from solcommun_client.errors import Refused
from solcommun_client.web import Web
from solcommun_client.words import say

LIMIT_BYTES = 1 << 24
MOST_DOCUMENTS = 2000


@dataclass(frozen=True, slots=True)
class Listed:
    """A release of a site: its page, which `download` and `list` take, and what the site says of it today."""

    page: str
    title: str
    version: str
    withdrawn: bool
    doi: str


def is_release(url: str) -> bool:
    """Whether an address is that of one release, not of a site."""
    _, found, name = urlsplit(url).path.partition("/releases/")
    return bool(found and name.strip("/"))


def releases(web: Web, url: str) -> list[Listed]:
    """The releases of a site, as its catalogue orders them: territory by territory, the newest first.

    Only documents of the site itself are read. Their number is one a release and one a territory.

    Raises: Refused (no catalogue, or one without end), Unreachable.
    """
    start = urljoin(f"{url.split('/releases')[0].rstrip('/')}/", "stac/catalog.json")
    waiting, seen, found = deque([start]), {start}, list[Listed]()
    while waiting:
        address = waiting.popleft()
        document = _read(web, address)
        if document.get("type") == "Collection":
            found.append(_listed(document, address))
            continue
        children = [urljoin(address, str(link["href"])) for link in _links(document, "child")]
        news = [href for href in children if href not in seen and _host(href) == _host(start)]
        seen.update(news)
        waiting.extendleft(reversed(news))
        if len(seen) > MOST_DOCUMENTS:
            raise Refused(say("{url} sends more than {limit} documents", url=start, limit=MOST_DOCUMENTS))
    return found


def _read(web: Web, address: str) -> dict[str, Any]:
    try:
        document = json.loads(web.read(address, limit=LIMIT_BYTES))
        if not isinstance(document, dict):
            raise ValueError
    except (ValueError, RecursionError) as error:
        raise Refused(say("{url} is no catalogue: give the address of a site", url=address)) from error
    return document


def _links(document: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    links = document.get("links")
    wanted = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [link for link in wanted if link.get("rel") == rel and "href" in link]


def _listed(document: dict[str, Any], address: str) -> Listed:
    about = _links(document, "about")
    return Listed(
        page=urljoin(address, str(about[0]["href"])) if about else address,
        title=str(document.get("title", document.get("id", ""))),
        version=str(document.get("version", "")),
        withdrawn=document.get("deprecated") is True,
        doi=str(document.get("sci:doi", "")),
    )


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
