"""Joining neighbouring pieces by their looks, worked out by hand."""

from __future__ import annotations

import numpy as np

from annotation.core.segment_tree import Borders, segment_tree

# Four squares of 2 x 2 pixels in a row.
ROW = np.repeat(np.repeat(np.array([[0, 1, 2, 3]]), 2, axis=0), 2, axis=1).astype(np.int64)


def tree_of(looks: list[float], *, kinds: list[bool] | None = None, pieces: np.ndarray = ROW):
    sizes = np.bincount(pieces.ravel()).astype(np.int64)
    return segment_tree(
        Borders.of(pieces),
        sizes=sizes,
        looks=np.array(looks, dtype=np.float64)[:, None],
        kinds=np.array(kinds or [True] * sizes.size),
    )


def test_borders_are_counted_in_pixel_sides_and_in_both_directions() -> None:
    borders = Borders.of(ROW)
    assert list(zip(borders.piece.tolist(), borders.neighbour.tolist(), borders.length.tolist(), strict=True)) == [
        (0, 1, 2), (1, 0, 2), (1, 2, 2), (2, 1, 2), (2, 3, 2), (3, 2, 2),
    ]  # fmt: skip


def test_the_pair_that_looks_most_alike_joins_first() -> None:
    tree = tree_of([10, 12, 30, 31])
    assert tree.joins[0] == (2, 3)
    assert tree.owners(3).tolist() == [0, 1, 2, 2]
    assert tree.owners(2).tolist() == [0, 0, 2, 2]
    assert tree.owners(1).tolist() == [0, 0, 0, 0]


def test_as_many_as_asked_are_left_and_all_of_them_when_more_are_asked() -> None:
    tree = tree_of([10, 12, 30, 31])
    assert tree.owners(4).tolist() == tree.owners(99).tolist() == [0, 1, 2, 3]


def test_a_joined_piece_looks_like_the_mean_of_what_it_holds() -> None:
    # 0 and 1 join first, at the mean of 3 and with 8 pixels. Joining 2 to that then costs 8 * 4 / 12 * (11 ** 2 + 0.5)
    # = 324, less than 2 and 3, 4 * 4 / 8 * (14 ** 2 + 0.5) = 393; had it kept the look of 0, it would cost 524.
    tree = tree_of([0, 6, 14, 28])
    assert tree.owners(2).tolist() == [0, 0, 0, 3]


def test_of_two_neighbours_that_look_the_same_the_smaller_joins_first() -> None:
    # One row: a piece of 1 pixel between one of 2 pixels and one of 8; the borders are equal.
    pieces = np.array([[0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2]])
    assert tree_of([10, 15, 20], pieces=pieces).joins[0] == (0, 1)


def test_of_two_neighbours_that_look_the_same_the_one_with_more_border_in_common_joins_first() -> None:
    pieces = np.array([[0, 0, 0, 0], [0, 1, 1, 2], [0, 1, 1, 2], [0, 0, 0, 2]])
    sizes = np.bincount(pieces.ravel())
    assert sizes.tolist() == [9, 4, 3]
    # The smaller one, of 3 pixels, would win by size alone: ward 4 * 3 / 7 = 1.7 beside 4 * 9 / 13 = 2.8.
    # Piece 1 shares 6 sides with piece 0 and 2 with piece 2: 2.8 / 3.2 ** 0.7 = 1.2 beside 1.7 / 1.35 ** 0.7 = 1.4.
    assert tree_of([10, 15, 20], pieces=pieces).joins[0] == (0, 1)


def test_pieces_of_different_kinds_never_join() -> None:
    tree = tree_of([10, 10, 10, 10], kinds=[True, True, False, False])
    assert tree.owners(1).tolist() == [0, 0, 2, 2]
