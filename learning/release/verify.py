"""Check a downloaded release: `python -m learning.release.verify DIR [--manifest-sha256 HEX]`.

Needs neither Django nor the network. Prints `N artefacts, 0 faults` and exits 0, or names each faulty file
and exits 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from learning.release.manifest import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m learning.release.verify", description="Check a release offline.")
    parser.add_argument("folder", type=Path, help="folder of the release (the one that holds manifest.json)")
    parser.add_argument("--manifest-sha256", help="digest of manifest.json shown on the release's page")
    options = parser.parse_args(arguments)
    report = verify(options.folder, expected_manifest_sha256=options.manifest_sha256)
    for fault in report.faults:
        sys.stdout.write(f"{fault.path}: {fault.problem}\n")
    sys.stdout.write(f"{report.artefacts} artefacts, {len(report.faults)} faults\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
