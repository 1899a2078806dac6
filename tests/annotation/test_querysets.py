"""Querysets hold the questions that are asked, and no others."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from django.db import models

from annotation import querysets

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_question_is_asked_somewhere() -> None:
    files = [path for name in ("annotation", "learning", "platform") for path in (REPOSITORY / name).rglob("*.py")]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in files)
    questions = {
        name
        for _, kind in inspect.getmembers(querysets, inspect.isclass)
        if issubclass(kind, models.QuerySet) and kind.__module__ == querysets.__name__
        for name in vars(kind)
        if inspect.isfunction(vars(kind)[name]) and not name.startswith("_")
    }
    assert {"visible_to", "reviewed_by"} <= questions
    assert sorted(name for name in questions if not re.search(rf"\.{name}\(", sources)) == []
