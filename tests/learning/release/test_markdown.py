"""The part of Markdown that release documents use, as records that templates draw."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.release.markdown import Block, Span, parse_line, parse_markdown


def words(*lines: str) -> tuple[tuple[Span, ...], ...]:
    return tuple((Span("text", line),) for line in lines)


def test_every_kind_of_block_is_read_in_order() -> None:
    text = (
        "---\nlicense: x\n---\n\n# Title\n\nOne line\nand its end.\n- a\n  goes on\n- b\n\n"
        "| k | v |\n|---|--:|\n| 1 | 2 |\n| 3 |\n\n```python\nif a:\n    b\n```\n"
    )
    assert parse_markdown(text) == [
        Block("heading", lines=words("Title"), level=1),
        Block("paragraph", lines=words("One line and its end.")),
        Block("list", lines=words("a goes on", "b")),
        Block("table", rows=(words("k", "v"), words("1", "2"), (*words("3"), ()))),
        Block("code", text="if a:\n    b", language="python"),
    ]


def test_pieces_of_a_line_are_told_apart() -> None:
    assert parse_line("see `x*y`, **bold**, *soft* and [a page](https://a.example/b) .") == (
        Span("text", "see "), Span("code", "x*y"), Span("text", ", "), Span("strong", "bold"), Span("text", ", "),
        Span("em", "soft"), Span("text", " and "), Span("link", "a page", "https://a.example/b"), Span("text", " ."),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](http://a.example)",
        "![x](https://a.example/i.png",
        "2 * 3 * 4",
        '[x](https://a.example"onload=)',
    ],
)
def test_what_is_not_in_that_part_stays_text(text: str) -> None:
    assert {span.kind for block in parse_markdown(text) for line in block.lines for span in line} == {"text"}


def test_code_that_is_not_closed_goes_to_the_end_and_a_lone_bar_is_no_table() -> None:
    assert parse_markdown("```\na\n\nb") == [Block("code", text="a\n\nb")]
    assert [block.kind for block in parse_markdown("a | b\nc")] == ["paragraph"]


@given(st.text(alphabet="#-*`| \n[]()ab:<>\\", max_size=120))
def test_any_text_is_read_and_links_lead_to_https_only(text: str) -> None:
    for block in parse_markdown(text):
        for line in (*block.lines, *(cell for row in block.rows for cell in row)):
            assert all(span.kind == "link" or not span.href for span in line)


def test_the_documents_of_a_release_are_of_that_part(pristine: Path) -> None:
    (card,) = (pristine / "models").glob("*/README.md")
    kinds = {block.kind for block in parse_markdown(card.read_text(encoding="utf-8"))}
    assert kinds == {"heading", "paragraph", "table", "list", "code"}
    readme = parse_markdown((pristine / "README.md").read_text(encoding="utf-8"))
    assert [block.level for block in readme if block.kind == "heading"][:2] == [1, 2]
