"""Fetch, check and compare the releases of a Solcommun site, with nothing but Python's standard library.

README.md has an example of each function.
"""

from __future__ import annotations

from solcommun_client.check import Fault, Report, verify
from solcommun_client.compare import Difference, compare
from solcommun_client.download import Downloaded, download
from solcommun_client.errors import ClientError, Refused, Unreachable
from solcommun_client.manifest import FileEntry, Manifest
from solcommun_client.site import Listed, releases

__version__ = "0.1.0"

__all__ = [
    "ClientError",
    "Difference",
    "Downloaded",
    "Fault",
    "FileEntry",
    "Listed",
    "Manifest",
    "Refused",
    "Report",
    "Unreachable",
    "compare",
    "download",
    "releases",
    "verify",
]
