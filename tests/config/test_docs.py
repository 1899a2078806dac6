"""The documents speak of what exists: links, paths, commands, options, targets, settings, functions, tests."""

from __future__ import annotations

import ast
import re
import shlex
from functools import lru_cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "client" / "README.md"]
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
#: First components of paths that the repository holds; what is made (var/, .venv/) is not looked for.
FOLDERS = (
    "annotation", "client", "learning", "platform", "frontend", "tests", "bench", "docs", "requirements", "locale",
    "notebooks",
)  # fmt: skip
MADE = ("frontend/dist", "frontend/node_modules")

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[path.relative_to(REPOSITORY).as_posix() for path in DOCUMENTS]
)


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return FENCE.sub("", text)


def code(text: str) -> list[str]:
    """Fenced blocks, then spans in backticks."""
    return [*FENCE.findall(text), *re.findall(r"`([^`\n]+)`", prose(text))]


def anchors(text: str) -> set[str]:
    """Names that headings can be linked by, as hosting pages make them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def paths_named(text: str) -> set[str]:
    """Words of code that look like a file or folder of the repository."""
    words = {word.strip("'\",;:()") for part in code(text) for word in part.split()}
    found = set()
    for word in words:
        path = word.rstrip("/").removeprefix("./")
        if not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)*", path) or path.startswith(MADE):
            continue
        if (path.split("/")[0] in FOLDERS and "/" in path) or path in ROOT_NAMES:
            found.add(path)
    return found


#: Names at the root that a document may give without a folder.
ROOT_NAMES = {
    "manage.py", "Makefile", "Dockerfile", "docker-compose.yml", "pyproject.toml", ".env.example", "LICENSE",
}  # fmt: skip


@lru_cache(maxsize=1)
def sources() -> str:
    """Everything that may read a variable of the environment."""
    files = [
        *(REPOSITORY / "platform").rglob("*.py"),
        *(REPOSITORY / "learning").rglob("*.py"),
        *(REPOSITORY / "annotation").rglob("*.py"),
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def settings_read() -> set[str]:
    """Names that platform/config/settings takes from the environment."""
    names = set()
    for file in (REPOSITORY / "platform" / "config" / "settings").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            owner = ast.unparse(node.func.value)
            first = node.args[0]
            reads = owner == "env" or (owner == "os.environ" and node.func.attr == "get")
            if reads and isinstance(first, ast.Constant) and isinstance(first.value, str):
                names.add(first.value)
    return names


def settings_documented() -> list[str]:
    """Names in the first column of the operator's table of settings."""
    text = (REPOSITORY / "docs" / "guides" / "operator.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([A-Z][A-Z_]+)` \|", text.split("## Settings")[1], re.MULTILINE)


@each_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


@each_document
def test_every_path_of_the_repository_that_is_named_exists(document: Path) -> None:
    named = paths_named(document.read_text(encoding="utf-8"))
    assert [path for path in sorted(named) if not (REPOSITORY / path).exists()] == []


@each_document
def test_every_management_command_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text(encoding="utf-8")))
    assert sorted(named - set(get_commands())) == []


@each_document
def test_every_option_given_to_a_management_command_is_one_it_has(document: Path) -> None:
    wrong = []
    for block in FENCE.findall(document.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.search(r"manage\.py ([a-z_]+)(.*)", line)
            if found is None:
                continue
            name, rest = found.groups()
            command = load_command_class(get_commands()[name], name)
            known = command.create_parser("manage.py", name)._option_string_actions
            given = [word.partition("=")[0] for word in shlex.split(rest, comments=True) if word.startswith("--")]
            wrong += [f"{name} {option}" for option in given if option not in known]
    assert wrong == []


@each_document
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    benches = {"bench-" + path.stem.replace("_", "-") for path in (REPOSITORY / "bench").glob("*.py")}
    named = {
        target
        for part in code(document.read_text(encoding="utf-8"))
        for target in re.findall(r"(?:^|[\s`])make ([a-z][a-z-]*[a-z])(?![\w-])", part)
    }
    assert sorted(named - targets - benches) == []


@each_document
def test_every_test_that_is_named_exists(document: Path) -> None:
    defined = {
        name
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    named = {part for part in code(document.read_text(encoding="utf-8")) if re.fullmatch(r"test_\w+", part)}
    assert sorted(named - defined) == []


def test_each_function_of_the_data_flow_is_defined_in_the_file_beside_it() -> None:
    text = (REPOSITORY / "docs" / "data-flow.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([\w./]+\.py)` \|", text, re.MULTILINE)
    assert len(rows) >= 40
    wrong = [
        f"{function} in {file}"
        for function, file in rows
        if not re.search(rf"^def {function}\(", (REPOSITORY / file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert wrong == []


def test_every_setting_read_from_the_environment_is_in_the_operators_table() -> None:
    read = settings_read()
    assert {"SECRET_KEY", "DATABASE_URL", "SOLCOMMUN_VAR_DIR", "DEBUG", "SECURE_SSL_REDIRECT"} <= read
    assert sorted(read - set(settings_documented())) == []


def test_every_variable_in_the_operators_table_is_read_somewhere() -> None:
    documented = settings_documented()
    assert [name for name in documented if f'"{name}"' not in sources()] == []
    assert len(documented) == len(set(documented))


def test_the_licence_is_the_whole_apache_text_in_the_contributors_name() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
    assert "Copyright 2026 Solcommun contributors" in text


def test_what_is_wrong_in_a_document_would_be_found() -> None:
    text = "See `annotation/core/nowhere.py`, `frontend/dist/` and `var/data`.\n```\nbench/none.py --data F\n```\n"
    assert paths_named(text) == {"annotation/core/nowhere.py", "bench/none.py"}
    assert anchors("# Time and disk\n## What's new?\n") == {"time-and-disk", "whats-new"}
