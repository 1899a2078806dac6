from __future__ import annotations

import ast
import json
import re
import string
import sys
from pathlib import Path

import pytest
from release_site import ReleaseSite, write_release

from solcommun_client import words
from solcommun_client.cli import main

PACKAGE = Path(__file__).resolve().parents[2] / "client" / "src" / "solcommun_client"


def test_verify_says_what_is_wrong_and_ends_with_1(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(release)]) == 0
    assert capsys.readouterr().out == "6 files, 0 faults\n"
    (release / "README.md").unlink()
    assert main(["verify", str(release)]) == 1
    assert capsys.readouterr().out == "README.md: missing\n6 files, 1 faults\n"
    assert main(["verify", str(release), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"] == [{"path": "README.md", "problem": "missing"}]


def test_a_folder_that_is_not_there_ends_with_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "none")]) == 2
    assert re.fullmatch(r"solcommun: there is no folder .*manifest\.json\n", capsys.readouterr().err)


def test_list_download_and_diff_by_address(
    site: ReleaseSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", site.url, "--allow-http", "--only", "dataset"]) == 0
    assert "4 B  dataset/train.csv" in capsys.readouterr().out
    mine = tmp_path / "mine"
    assert main(["download", site.url, "--into", str(mine), "--allow-http"]) == 0
    assert capsys.readouterr().out == f"6 files fetched, 0 were here already; in {mine}\n"
    assert main(["diff", str(mine), site.url, "--allow-http"]) == 0
    assert capsys.readouterr().out == "the same files\n"
    other = tmp_path / "other"
    other.mkdir()
    write_release(other, {"README.md": b"other", "new.txt": b"n"})
    assert main(["diff", str(mine), str(other)]) == 1
    out = capsys.readouterr().out
    assert "~ README.md\n" in out and "+ new.txt\n" in out and "1 files added, 5 removed, 1 changed" in out


def test_a_site_that_cannot_be_reached_ends_with_3(site: ReleaseSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", f"{site.url}nowhere/", "--allow-http"]) == 3
    assert "answered 404" in capsys.readouterr().err
    assert main(["list", site.url]) == 2
    assert "--allow-http" in capsys.readouterr().err


def test_french_is_spoken_where_it_is_asked_for(
    release: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    (release / "README.md").unlink()
    assert main(["verify", str(release)]) == 1
    assert capsys.readouterr().out == "README.md: absent\n6 fichiers, 1 défauts\n"
    with pytest.raises(SystemExit) as ended:
        main(["download", "--help"])
    assert ended.value.code == 0 and "fichiers téléchargés à la fois" in capsys.readouterr().out


def said() -> set[str]:
    """Every text given to `say`, or named `text`, in the package."""
    found = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("say", "command")
            named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "text"
            if called or named:
                inside = ast.walk(node)
                found |= {n.value for n in inside if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in found if re.search("[a-z] ", text)}


def test_every_message_is_there_in_french_with_the_same_values() -> None:
    assert sorted(said() - set(words._FRENCH)) == []

    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text)}

    assert [text for text, french in words._FRENCH.items() if fields(text) != fields(french)] == []


def test_the_client_needs_the_standard_library_alone_and_pyarrow_for_rows() -> None:
    foreign = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {name.split(".")[0] for name in names}
            foreign |= {(file.name, top) for top in tops - set(sys.stdlib_module_names) - {"solcommun_client"}}
    assert foreign == {("rows.py", "pyarrow")}
