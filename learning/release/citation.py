"""How a release is cited: a line of text, and BibTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_BIBTEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Citation:
    """What a citation of a release names; `doi` without its resolver, empty where there is none."""

    name: str  # campaign-1.2.0
    title: str
    version: str
    published_on: date
    publisher: str
    address: str
    licence: str
    doi: str = ""

    @property
    def link(self) -> str:
        """The DOI's address, or else the page's."""
        return f"https://doi.org/{self.doi}" if self.doi else self.address

    def bibtex(self) -> str:
        """An entry for BibTeX and BibLaTeX; what these would take for a command is escaped."""
        fields = {
            "title": "{" + _escaped(self.title) + "}",
            "author": "{" + _escaped(f"{self.publisher} contributors") + "}",
            "version": _escaped(self.version),
            "year": str(self.published_on.year),
            "month": str(self.published_on.month),
            "publisher": _escaped(self.publisher),
            "url": self.address,
            "note": _escaped(f"Licence: {self.licence}"),
            **({"doi": self.doi} if self.doi else {}),
        }
        key = re.sub(r"[^A-Za-z0-9.-]", "-", self.name)
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@misc{{{key},\n{body}\n}}"


def _escaped(text: str) -> str:
    return "".join(_BIBTEX.get(char, char) for char in " ".join(text.split()))
