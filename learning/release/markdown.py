"""The part of Markdown that our own documents use, read into plain records: pages draw them with templates.

Headings, paragraphs, lists of one level, tables, fenced code; inside them `code`, **strong**, *emphasis* and links to
https addresses. Anything else, HTML included, stays the text that it is. Never HTML out of here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_HEADING = re.compile(r"(#{1,6}) +(.+?) *#*")
_ITEM = re.compile(r"[-*] +(.*)")
_FENCE = re.compile(r"(`{3,})\s*([A-Za-z0-9+-]*)\s*")
_RULE = re.compile(r"\|?( *:?-+:? *\|)+( *:?-+:? *)?")
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>[^*]+)\*\*"
    r"|\*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*"
    r"|\[(?P<words>[^\[\]]+)\]\((?P<href>https://[^\s()<>\"]+)\)"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line: `kind` is text, code, strong, em or link; `href` is of links alone, always https."""

    kind: str
    text: str
    href: str = ""


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document: `kind` is heading, paragraph, list, table or code.

    `level` (1 to 6) is of headings; `lines` are a heading's or a paragraph's one line, a list's items; `rows` a table's
    rows, the first of them its head, all of the head's length; `text` and `language` are of code.
    """

    kind: str
    lines: tuple[Line, ...] = ()
    rows: tuple[tuple[Line, ...], ...] = ()
    level: int = 0
    text: str = ""
    language: str = ""


def parse_markdown(text: str) -> list[Block]:
    """The blocks of a document, in order. Front matter between two lines of `---` at its start is left out."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and lines[0] == "---" and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    return list(_blocks(lines))


def parse_line(text: str) -> Line:
    """The pieces of one line."""
    spans, at = [], 0
    for found in _INLINE.finditer(text):
        if found.start() > at:
            spans.append(Span("text", text[at : found.start()]))
        kind = str(found.lastgroup) if found["words"] is None else "link"
        words = found["words"] if kind == "link" else found[kind]
        spans.append(Span(kind, words, found["href"] or ""))
        at = found.end()
    if at < len(text):
        spans.append(Span("text", text[at:]))
    return tuple(spans)


def _blocks(lines: list[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        heading, fence = _HEADING.fullmatch(line), _FENCE.fullmatch(line)
        if not line:
            at += 1
        elif heading:
            yield Block("heading", lines=(parse_line(heading[2]),), level=len(heading[1]))
            at += 1
        elif fence:
            end = _end_of_code(lines, at + 1, fence[1])
            yield Block("code", text="\n".join(lines[at + 1 : end]), language=fence[2])
            at = end + 1
        elif _is_table(lines, at):
            end = _run(lines, at, lambda text: "|" in text)
            yield Block("table", rows=_rows([lines[at], *lines[at + 2 : end]]))
            at = end
        elif _ITEM.fullmatch(line):
            end = _run(lines, at, lambda text: not (_HEADING.fullmatch(text) or _FENCE.fullmatch(text)))
            yield Block("list", lines=tuple(parse_line(item) for item in _items(lines[at:end])))
            at = end
        else:
            end = _run(lines, at, lambda text: not _begins_another(text))
            end = max(end, at + 1)
            yield Block("paragraph", lines=(parse_line(" ".join(part.strip() for part in lines[at:end])),))
            at = end


def _begins_another(text: str) -> bool:
    return bool(_HEADING.fullmatch(text) or _FENCE.fullmatch(text) or _ITEM.fullmatch(text))


def _run(lines: list[str], at: int, belongs: Callable[[str], bool]) -> int:
    """The line after the last one from `at` on that is not empty and belongs."""
    while at < len(lines) and lines[at].strip() and belongs(lines[at].strip()):
        at += 1
    return at


def _end_of_code(lines: list[str], at: int, fence: str) -> int:
    while at < len(lines) and lines[at].strip() != fence:
        at += 1
    return at


def _is_table(lines: list[str], at: int) -> bool:
    return "|" in lines[at] and at + 1 < len(lines) and bool(_RULE.fullmatch(lines[at + 1].strip()))


def _rows(lines: list[str]) -> tuple[tuple[Line, ...], ...]:
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    width = len(cells[0])
    return tuple(tuple(parse_line(cell) for cell in (row + [""] * width)[:width]) for row in cells)


def _items(lines: list[str]) -> list[str]:
    """A list's items, each with the lines that go on from it."""
    items: list[str] = []
    for line in lines:
        found = _ITEM.fullmatch(line.strip())
        if found:
            items.append(found[1])
        else:
            items[-1] += f" {line.strip()}"
    return items
