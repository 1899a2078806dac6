"""The command `solcommun`.

Exit status: 0 all is well (diff: the same), 1 faults were found (diff: they differ), 2 wrong use or something that was
refused, 3 the site cannot be reached, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from solcommun_client.check import verify
from solcommun_client.compare import LABELS, Difference, LabelChanges, compare
from solcommun_client.download import MOST_AT_ONCE, download, fetch_manifest
from solcommun_client.errors import ClientError, Unreachable
from solcommun_client.manifest import chosen
from solcommun_client.site import Listed, is_release, releases
from solcommun_client.territory_cli import add_territory_commands
from solcommun_client.web import Web
from solcommun_client.words import say, size_words

FAULTS, WRONG_USE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except Unreachable as error:
        _complain(str(error))
        return UNREACHABLE
    except (ClientError, OSError) as error:
        _complain(str(error))
        return WRONG_USE
    except KeyboardInterrupt:
        _complain(say("stopped; run the same command again to go on"))
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    about = say("Fetch, check and compare the open data releases of a Solcommun site.")
    parser = argparse.ArgumentParser(prog="solcommun", description=about)
    commands = parser.add_subparsers(required=True, metavar="verify | download | diff | list | territory | change")

    def command(name: str, run: Callable[[argparse.Namespace], int], help_text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=say(help_text), description=say(help_text))
        made.set_defaults(run=run)
        return made

    def address(made: argparse.ArgumentParser) -> None:
        made.add_argument("--allow-http", action="store_true", help=say("also take http:// addresses"))

    def only(made: argparse.ArgumentParser) -> None:
        text = "a folder of the release, or a pattern as annotations/*.gpkg; may be given again"
        made.add_argument("--only", action="append", default=[], metavar="PATH", help=say(text))

    def digest(made: argparse.ArgumentParser) -> None:
        text = say("digest of manifest.json shown on the release's page")
        made.add_argument("--manifest-sha256", metavar="HEX", help=text)

    def as_json(made: argparse.ArgumentParser) -> None:
        made.add_argument("--json", action="store_true", help=say("print one JSON object"))

    made = command("verify", _verify, "check a downloaded release")
    made.add_argument("folder", type=Path, help=say("folder of the release"))
    for add in (digest, only, as_json):
        add(made)
    made = command("download", _download, "fetch a release, or go on with fetching it")
    made.add_argument("url", help=say("address of the release's page"))
    text = say("folder to fetch into; default: named after the release")
    made.add_argument("--into", type=Path, metavar="FOLDER", help=text)
    text = say("files fetched at once (1 to 8)")
    made.add_argument("--at-once", type=int, choices=range(1, MOST_AT_ONCE + 1), default=4, metavar="N", help=text)
    for add in (only, digest, address):
        add(made)
    made = command("diff", _diff, "compare two releases")
    made.add_argument("before", help=say("folder or address of a release"))
    made.add_argument("after", help=say("folder or address of a release"))
    for add in (address, as_json):
        add(made)
    made = command("list", _list, "list the files of a release, or the releases of a site")
    made.add_argument("url", help=say("address of a release's page, or of a site"))
    for add in (only, address, as_json):
        add(made)
    for made in add_territory_commands(command, say_line=_say):
        for add in (address, as_json):
            add(made)
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"solcommun: {line}\n")


def _verify(options: argparse.Namespace) -> int:
    report = verify(options.folder, manifest_sha256=options.manifest_sha256, only=options.only)
    if options.json:
        faults = [{"path": fault.path, "problem": fault.problem} for fault in report.faults]
        _say(json.dumps({"files": report.files, "manifest_sha256": report.manifest_sha256, "faults": faults}))
    else:
        for fault in report.faults:
            _say(f"{fault.path}: {fault.problem}")
        _say(say("{n} files, {faults} faults", n=report.files, faults=len(report.faults)))
    return FAULTS if report.faults else 0


class _Bar:
    """One line on a terminal that says how far a download is; nothing elsewhere."""

    def __init__(self) -> None:
        self.total = self.done = 0
        self.lock = threading.Lock()

    def start(self, files: int, size: int) -> None:
        self.total = size
        if files and sys.stderr.isatty():
            sys.stderr.write(say("{n} files, {size}", n=files, size=size_words(size)) + "\n")

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            if sys.stderr.isatty():
                share = f"{size_words(self.done)} / {size_words(self.total)}"
                sys.stderr.write(f"\r{share:<40}")
                sys.stderr.flush()

    def end(self) -> None:
        if self.done and sys.stderr.isatty():
            sys.stderr.write("\n")


def _download(options: argparse.Namespace) -> int:
    bar = _Bar()
    try:
        got = download(
            options.url,
            options.into,
            only=options.only,
            manifest_sha256=options.manifest_sha256,
            at_once=options.at_once,
            web=Web(allow_http=options.allow_http),
            started=bar.start,
            progress=bar.add,
        )
    finally:
        bar.end()
    text = "{n} files fetched, {kept} were here already; in {folder}"
    _say(say(text, n=got.fetched, kept=got.kept, folder=got.folder))
    return 0


def _list(options: argparse.Namespace) -> int:
    web = Web(allow_http=options.allow_http)
    if not is_release(options.url):
        return _list_site(releases(web, options.url), as_json=options.json)
    manifest = fetch_manifest(web, options.url)
    files = chosen(manifest.files, options.only)
    if options.json:
        rows = [{"path": entry.path, "size": entry.size, "sha256": entry.sha256} for entry in files]
        _say(json.dumps({"version": manifest.version, "manifest_sha256": manifest.sha256, "files": rows}))
        return 0
    for entry in files:
        _say(f"{size_words(entry.size):>12}  {entry.path}")
    _say(say("{n} files, {size}", n=len(files), size=size_words(sum(entry.size for entry in files))))
    return 0


def _list_site(found: Sequence[Listed], *, as_json: bool) -> int:
    if as_json:
        _say(json.dumps({"releases": [asdict(release) for release in found]}))
        return 0
    for release in found:
        mark = f" ({say('withdrawn')})" if release.withdrawn else ""
        doi = f", doi:{release.doi}" if release.doi else ""
        _say(f"{release.page}  {release.title}{mark}{doi}")
    _say(say("{n} releases", n=len(found)))
    return 0


def _diff(options: argparse.Namespace) -> int:
    found = compare(options.before, options.after, web=Web(allow_http=options.allow_http))
    if options.json:
        _say(json.dumps(_as_json(found)))
    else:
        for mark, paths in (("+", found.added), ("-", found.removed), ("~", found.changed)):
            for path in paths:
                _say(f"{mark} {path}")
        _say_labels(found)
        counts = {name: len(getattr(found, name)) for name in ("added", "removed", "changed")}
        text = "{added} files added, {removed} removed, {changed} changed" if found else "the same files"
        _say(say(text, **counts))
    return FAULTS if found else 0


def _say_labels(found: Difference) -> None:
    labels = found.labels
    if labels is None:
        if LABELS in found.changed:
            _complain(say("labels not compared: pip install 'solcommun-client[rows]'"))
        return
    if LABELS not in found.changed:
        return
    changed = labels.reclassed.total() + labels.reshaped.total()
    text = "labels: {added} added, {removed} removed, {changed} changed"
    _say(say(text, added=labels.added.total(), removed=labels.removed.total(), changed=changed))
    for mark, counts in (("+", labels.added), ("-", labels.removed)):
        for code in sorted(counts):
            _say(f"  {mark} {code}: {counts[code]}")
    for old, new in sorted(labels.reclassed):
        _say(f"  ~ {old} -> {new}: {labels.reclassed[old, new]}")
    for code in sorted(labels.reshaped):
        _say(f"  ~ {code} ({say('outline')}): {labels.reshaped[code]}")


def _as_json(found: Difference) -> dict[str, Any]:
    files = {"added": list(found.added), "removed": list(found.removed), "changed": list(found.changed)}
    return {"files": files, "labels": None if found.labels is None else _labels_json(found.labels)}


def _labels_json(labels: LabelChanges) -> dict[str, Any]:
    pairs = [{"before": old, "after": new, "labels": n} for (old, new), n in sorted(labels.reclassed.items())]
    return {
        "added": dict(sorted(labels.added.items())),
        "removed": dict(sorted(labels.removed.items())),
        "reclassed": pairs,
        "reshaped": dict(sorted(labels.reshaped.items())),
    }


if __name__ == "__main__":
    raise SystemExit(main())
