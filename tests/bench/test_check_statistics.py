"""The checks of bench/check_statistics.py that take a moment; `make check-statistics` does them all."""

from __future__ import annotations

import json

import check_statistics
import numpy as np
import pytest


def test_the_golden_numbers_of_both_papers_are_reproduced():
    assert check_statistics.golden()


def test_both_estimators_agree_with_the_ones_written_from_the_papers(monkeypatch):
    monkeypatch.setattr(check_statistics, "MATRICES", 20)
    assert check_statistics.agreement()


def test_an_estimator_that_takes_the_wrong_margin_is_found_out(monkeypatch):
    right = check_statistics.stratified_estimates
    monkeypatch.setattr(
        check_statistics, "stratified_estimates", lambda counts, mapped_area: right(counts.T, mapped_area=mapped_area)
    )
    monkeypatch.setattr(check_statistics, "MATRICES", 3)
    assert not check_statistics.agreement()
    assert not check_statistics.golden()


def test_an_interval_that_is_too_narrow_fails_the_command(monkeypatch, capsys):
    monkeypatch.setattr(check_statistics, "SAMPLES", 60)
    monkeypatch.setattr(check_statistics, "MATRICES", 3)
    for name in ("coverage_of_change", "coverage_of_blocks"):
        monkeypatch.setattr(check_statistics, name, lambda: 0.95)
    monkeypatch.setattr(check_statistics, "coverage_of_areas", lambda: (0.80, 0.95))
    monkeypatch.setattr(check_statistics, "coverage_where_a_class_is_rare", lambda: None)
    monkeypatch.setattr(check_statistics, "checked", dict)
    assert check_statistics.main() == 1
    told = capsys.readouterr().out.strip().splitlines()
    assert "Missed: coverage_area." in told
    assert json.loads(told[-1].removeprefix("FIGURES "))["coverage_area"] == pytest.approx(0.8)


def test_places_are_drawn_from_ground_without_putting_any_back():
    ground = check_statistics.Ground(np.array([[100, 0], [3, 97]]))
    counts = ground.draws(200, np.random.default_rng(1), fewest=100)()
    assert counts.tolist() == [[100, 0], [3, 97]]
