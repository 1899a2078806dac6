"""Which of a person's tiles is a gold tile: drawn by a keyed hash, so that nobody can tell beforehand or by asking."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MAX_SHARE = 0.5  # more would leave people little that is new
NEWCOMER_SHARES = 3  # what is known of somebody matters most while it is little


def share_of_gold(share: float, *, newcomer: bool) -> float:
    """Share of a person's tiles that is gold, from a campaign's share; newcomers get more, at most MAX_SHARE."""
    return min(MAX_SHARE, NEWCOMER_SHARES * share) if newcomer else share


def uniform(key: bytes, *parts: object) -> float:
    """A number from 0 to below 1 that depends on the key and the parts alone, and without the key looks random."""
    text = ":".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=hashlib.blake2b(key).digest()).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def gold_is_due(key: bytes, *, seed: int, person: int, count: int, share: float) -> bool:
    """Whether the tile a person is given after `count` others is a gold tile.

    Args: seed: the campaign's. share: of the tiles given, from 0 (never) to 1.
    """
    return uniform(key, "gold", seed, person, count) < share


def gold_order(key: bytes, golds: Iterable[int], *, seed: int, person: int) -> list[int]:
    """Ids of gold tiles in the order in which this person meets them: another one for each person."""
    return sorted(golds, key=lambda gold: (uniform(key, "order", seed, person, gold), gold))
