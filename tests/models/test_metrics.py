"""Metrics against definitions written out in plain Python."""

import math

import numpy as np
import pytest

from models.metrics import coverage, hits_of, ndcg_at_k, popularity_lift, recall_at_k

RNG = np.random.default_rng(3)


def plain_ndcg(hits: list[bool], relevant: int) -> float:
    gain = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if hit)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(len(hits), relevant)))


def test_ndcg_and_recall_equal_the_plain_definitions():
    hits = RNG.random((50, 12)) < 0.3
    relevant = np.maximum(hits.sum(axis=1), 1) + RNG.integers(0, 20, 50)
    assert ndcg_at_k(hits, relevant) == pytest.approx([plain_ndcg(h.tolist(), r) for h, r in zip(hits, relevant, strict=True)])
    assert recall_at_k(hits, relevant) == pytest.approx([h.sum() / r for h, r in zip(hits, relevant, strict=True)])


def test_a_listener_without_relevant_tracks_is_undefined_and_not_zero():
    hits = np.zeros((1, 5), bool)
    assert np.isnan(ndcg_at_k(hits, np.array([0]))[0]) and np.isnan(recall_at_k(hits, np.array([0]))[0])


def test_a_hit_higher_up_is_worth_more():
    early, late = np.eye(5, dtype=bool)[[0]], np.eye(5, dtype=bool)[[4]]
    assert ndcg_at_k(early, np.array([1]))[0] == 1.0 > ndcg_at_k(late, np.array([1]))[0] > 0


def test_hits_are_per_listener_and_padding_never_hits():
    lists = np.array([[0, 1], [1, -1]], np.int32)
    assert hits_of(lists, np.array([0]), np.array([1]), items=2).tolist() == [[False, True], [False, False]]
    # row 1 padded with -1 would be pair (0, items - 1) if it counted
    assert not hits_of(lists, np.array([0]), np.array([1]), items=2)[1].any()


def test_coverage_of_nothing():
    assert coverage(np.full((2, 3), -1, np.int32), items=10) == 0.0 == coverage(np.empty((0, 3), np.int32), items=0)


def test_popularity_lift_of_an_empty_list_is_undefined():
    lift = popularity_lift(np.full((1, 2), -1, np.int32), np.ones(3), np.ones(1))
    assert np.isnan(lift[0])
