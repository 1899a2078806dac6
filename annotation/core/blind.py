"""Which tiles of the pool are labelled without help, so that help can be told from what people see themselves."""

from __future__ import annotations

import hashlib


def is_blind(*, seed: int, row: int, col: int, share: float) -> bool:
    """Whether a tile is labelled without a model's draft or another vintage's labels (docs/adr/0017).

    The answer depends on nothing else, so it is the same before and after a model, a round or a restart; a larger
    share keeps the blind tiles of a smaller one.

    Args:
        seed: the campaign's. share: of the tiles, from 0 (none) to 1 (all).
    """
    digest = hashlib.blake2b(f"blind:{seed}:{row}:{col}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53) < share
