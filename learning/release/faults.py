"""What a check found wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A file of the release (path relative to its root) and what is wrong with it."""

    path: str
    problem: str
