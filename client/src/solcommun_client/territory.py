"""Figures of a territory as a site tells them: its areas, its change, and the tables and the page they stand on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from solcommun_client.errors import NotThere, Refused
from solcommun_client.web import Web
from solcommun_client.words import in_french, say

KINDS = ("commune", "epci", "departement")
TABLES = ("areas", "change", "artificialisation", "review")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
LIMIT_BYTES = 1 << 24
PRINTING_S = 120
_PAGE = re.compile(r"(?P<site>.*/)territories/(?P<kind>[-\w]+)/(?P<code>[-\w]+)/?")


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a site tells of a territory.

    Args:
        page: address of the territory's page; `method` says how the figures are made.
        maps: one document a map, the newest imagery first; areas in hectares, each estimate with both ends of its
            95 % interval, "not_assessed" with its reason where there is none.
    """

    kind: str
    code: str
    name: str
    page: str
    method: str
    maps: tuple[dict[str, Any], ...]
    body: dict[str, Any]

    def map_of(self, campaign: str | None = None) -> dict[str, Any]:
        """The document of a campaign, by default of the newest imagery that has a map. Raises: Refused."""
        slugs = [one["campaign"]["slug"] for one in self.maps]
        if campaign is not None:
            found = [one for one in self.maps if one["campaign"]["slug"] == campaign]
            if not found:
                text = "{name} has no figures of {campaign}: there are {known}"
                raise Refused(say(text, name=self.name, campaign=campaign, known=", ".join(slugs) or "-"))
            return found[0]
        if not self.maps:
            text = "{name} ({code}) has no figures yet: no imagery of the site shows it, or none was counted"
            raise Refused(say(text, name=self.name, code=self.code))
        return next((one for one in self.maps if one["map"]), self.maps[0])


def territory(web: Web, territory: str, *, site: str | None = None, kind: str | None = None) -> Figures:
    """What a site tells of a territory.

    Args:
        territory: address of its page, or its code (of a commune, an EPCI or a département) with `site`.
        kind: one of KINDS; by default the first of them that has this code.
    Raises: Refused (no site, no such territory), Unreachable.
    """
    match = _PAGE.fullmatch(urlsplit(territory)._replace(query="", fragment="").geturl())
    if match is not None:
        site, kind, territory = match["site"], match["kind"], match["code"]
    if site is None:
        raise Refused(say("name the site: --site https://…, or SOLCOMMUN_SITE in the environment"))
    base = f"{site.rstrip('/')}/"
    for each in (kind,) if kind else KINDS:
        address = urljoin(base, f"api/v1/territories/{quote(each)}/{quote(territory, safe='')}/figures/")
        try:
            return _figures(web.read(address, limit=LIMIT_BYTES), address)
        except NotThere:
            continue
    text = "{site} knows no territory {code}: see {site}territories/"
    raise Refused(say(text, site=base, code=territory))


def _figures(raw: bytes, address: str) -> Figures:
    try:
        body = json.loads(raw)
        told = body["territory"]
        return Figures(
            told["kind"], told["code"], told["name"], body["page"], body["method"], tuple(body["figures"]), body
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(say("{url} tells no figures: give the address of a site", url=address)) from error


def save_tables(web: Web, figures: Figures, folder: Path, *, campaign: str, tables: Sequence[str] = TABLES) -> None:
    """Write the tables of the territory's page as CSV files into a folder, as the site makes them.

    Raises: Refused, Unreachable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    language = {"Accept-Language": "fr" if in_french() else "en"}
    for table in tables:
        address = urljoin(figures.page, f"{quote(campaign)}/{table}.csv")
        body = web.read(address, limit=LIMIT_BYTES, headers=language)
        (folder / f"{figures.kind}-{figures.code}-{campaign}-{table}.csv").write_bytes(body)


def print_page(web: Web, figures: Figures, path: Path, *, campaign: str) -> None:
    """Print the territory's page into a PDF file, by a browser of the Chromium family on this machine.

    Raises: Refused: there is no such browser, or it printed nothing.
    """
    web.check(figures.page)
    found = next((program for name in BROWSERS if (program := shutil.which(name))), None)
    if found is None:
        text = "no Chromium or Chrome here to print with: open {url} in a browser and print it"
        raise Refused(say(text, url=figures.page))
    with tempfile.TemporaryDirectory() as profile:
        made = Path(profile) / "page.pdf"
        command = [
            found, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}",
            "--no-pdf-header-footer", "--virtual-time-budget=15000", f"--lang={'fr-FR' if in_french() else 'en-GB'}",
            f"--accept-lang={'fr-FR' if in_french() else 'en-GB'}", f"--print-to-pdf={made}",
            *_sandbox(), f"{figures.page}?map={quote(campaign)}",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=PRINTING_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Refused(say("{program} printed nothing in {seconds} s", program=found, seconds=PRINTING_S)) from error
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF-"):
            why = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [str(done.returncode)]
            raise Refused(say("{program} printed nothing ({why})", program=found, why=why[0]))
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, path)


def _sandbox() -> list[str]:
    """Chromium refuses to start as root with its sandbox; as anyone else it keeps it."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
