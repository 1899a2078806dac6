"""The commands about a territory: its figures, and its change, as text, JSON, CSV or the printed page."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from solcommun_client.figures_words import change_lines, territory_lines
from solcommun_client.territory import KINDS, TABLES, Figures, print_page, save_tables, territory
from solcommun_client.web import Web
from solcommun_client.words import say

SITE_VARIABLE = "SOLCOMMUN_SITE"
Say = Callable[[str], None]
Run = Callable[[argparse.Namespace], int]


class Adder(Protocol):
    """Adds a command by its name, what runs it and its help."""

    def __call__(self, name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
        """The command's own parser."""


def add_territory_commands(command: Adder, *, say_line: Say) -> Iterator[argparse.ArgumentParser]:
    """Both commands, to be given the options that all share."""

    def figures(options: argparse.Namespace) -> int:
        return _run(options, say_line, lines=territory_lines, tables=TABLES, picked=lambda document: document)

    def change(options: argparse.Namespace) -> int:
        return _run(options, say_line, lines=change_lines, tables=("change",), picked=_change_alone)

    made = command("territory", figures, "figures of a territory: areas, artificialised ground, what was reviewed")
    _add_options(made)
    text = "print the territory's page into this PDF file, by the Chromium or Chrome of this machine"
    made.add_argument("--pdf", type=Path, metavar="FILE", help=say(text))
    yield made
    made = command("change", change, "what changed in a territory between two dates, with its error")
    _add_options(made)
    made.set_defaults(pdf=None)
    yield made


def _add_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("territory", metavar="CODE", help=say("code of a territory, or the address of its page"))
    text = say("address of the site; default: SOLCOMMUN_SITE of the environment")
    made.add_argument("--site", metavar="SITE", default=os.environ.get(SITE_VARIABLE), help=text)
    made.add_argument("--kind", choices=KINDS, help=say("where a code is one of several kinds"))
    text = say("of another map than the newest: the short name of its campaign")
    made.add_argument("--map", dest="campaign", metavar="CAMPAIGN", help=text)
    made.add_argument("--csv", type=Path, metavar="FOLDER", help=say("write the tables into this folder"))


def _run(
    options: argparse.Namespace,
    say_line: Say,
    *,
    lines: Callable[[Figures, Any], Iterable[str]],
    tables: tuple[str, ...],
    picked: Callable[[dict[str, Any]], dict[str, Any]],
) -> int:
    web = Web(allow_http=options.allow_http)
    figures = territory(web, options.territory, site=options.site, kind=options.kind)
    document = figures.map_of(options.campaign)
    campaign = document["campaign"]["slug"]
    if options.csv is not None:
        save_tables(web, figures, options.csv, campaign=campaign, tables=tables)
    if options.pdf is not None:
        print_page(web, figures, options.pdf, campaign=campaign)
    if options.json:
        say_line(json.dumps({**figures.body, "figures": [picked(document)]}, ensure_ascii=False))
    else:
        for line in lines(figures, document):
            say_line(line)
    return 0


def _change_alone(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("campaign", "imagery", "map", "changes", "computed_at")}
