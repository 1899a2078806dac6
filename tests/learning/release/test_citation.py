"""How a release is cited."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from learning.release.citation import Citation

CITED = Citation(
    name="gers-1.2.0", title="Gers 2022 & more_{x}", version="1.2.0", published_on=date(2026, 11, 27),
    publisher="Solcommun", address="https://a.example/releases/gers-1.2.0/", licence="etalab-2.0",
)  # fmt: skip


def test_bibtex_names_version_date_address_and_licence_and_escapes_what_would_be_a_command() -> None:
    assert CITED.bibtex() == (
        "@misc{gers-1.2.0,\n"
        "  title = {{Gers 2022 \\& more\\_\\{x\\}}},\n"
        "  author = {{Solcommun contributors}},\n"
        "  version = {1.2.0},\n"
        "  year = {2026},\n"
        "  month = {11},\n"
        "  publisher = {Solcommun},\n"
        "  url = {https://a.example/releases/gers-1.2.0/},\n"
        "  note = {Licence: etalab-2.0}\n"
        "}"
    )


def test_a_doi_is_what_is_linked_to_where_there_is_one() -> None:
    assert CITED.link == "https://a.example/releases/gers-1.2.0/"
    with_doi = replace(CITED, doi="10.5281/zenodo.1")
    assert with_doi.link == "https://doi.org/10.5281/zenodo.1" and "  doi = {10.5281/zenodo.1}" in with_doi.bibtex()
