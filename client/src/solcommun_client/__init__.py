"""Fetch, check and compare the releases of a Solcommun site and read figures of its territories.

Nothing but Python's standard library.
README.md has an example of each function.
"""

from __future__ import annotations

from solcommun_client.check import Fault, Report, verify
from solcommun_client.compare import Difference, compare
from solcommun_client.download import Downloaded, download
from solcommun_client.errors import ClientError, NotThere, Refused, Unreachable
from solcommun_client.manifest import FileEntry, Manifest
from solcommun_client.site import Listed, releases
from solcommun_client.territory import Figures, print_page, save_tables, territory

__version__ = "0.1.0"

__all__ = [
    "ClientError",
    "Difference",
    "Downloaded",
    "Fault",
    "Figures",
    "FileEntry",
    "Listed",
    "Manifest",
    "NotThere",
    "Refused",
    "Report",
    "Unreachable",
    "compare",
    "download",
    "print_page",
    "releases",
    "save_tables",
    "territory",
    "verify",
]
