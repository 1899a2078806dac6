"""How much of a tile shows imagery."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.core.validity import tile_valid_fraction, valid_fraction


def test_a_tile_shows_the_mean_of_the_cells_it_touches() -> None:
    cells = np.array([[255, 0, 51], [255, 255, 255]], dtype=np.uint8)
    assert tile_valid_fraction(cells, tile_px=64, n_rows=2, n_cols=3) == pytest.approx(
        np.array([[1, 0, 0.2], [1, 1, 1]])
    )
    # 96 px: columns 0 and 1 touch cells 0 to 1 and 1 to 2, over both rows.
    wide = np.array([[(1 + 0 + 1 + 1) / 4, (0 + 0.2 + 1 + 1) / 4]])
    assert tile_valid_fraction(cells, tile_px=96, n_rows=1, n_cols=2) == pytest.approx(wide)


@pytest.mark.parametrize("tile_px", [32, 64, 96, 128])
def test_one_tile_asked_alone_is_answered_as_among_all(tile_px: int) -> None:
    cells = np.random.default_rng(3).integers(0, 256, (6, 6), dtype=np.uint8)
    n = 6 * 64 // tile_px
    of_all = tile_valid_fraction(cells, tile_px=tile_px, n_rows=n, n_cols=n)
    alone = [[valid_fraction(cells, tile_px, row=row, col=col) for col in range(n)] for row in range(n)]
    assert np.array(alone) == pytest.approx(of_all)
