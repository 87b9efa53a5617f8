"""Vectors of listeners: three views of length one, and what an artefact does not know adds nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from conf.features.listener import EMBEDDED
from models.fold_in import ItemSide, gram
from models.histories import Histories
from models.ranking.features.embeddings import Content, Embedder, known

RNG = np.random.default_rng(3)
FACTORS = RNG.standard_normal((6, 4)).astype(np.float32)
MF = ItemSide(FACTORS, gram(FACTORS), alpha0=0.1, reg=0.01, nu=1.0, weight_scale=1.0)
CONTENT = Content(RNG.standard_normal((6, 3)).astype(np.float32), "log")


def histories(*tracks: list[int]) -> Histories:
    flat = np.array([track for row in tracks for track in row], np.int32)
    ones = np.ones(len(flat), np.int32)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in tracks])]).astype(np.int64)
    weight = np.linspace(1, 2, len(flat), dtype=np.float32)
    return Histories(pa.array([f"u{i}" for i in range(len(tracks))]), indptr, flat, ones, ones, 0 * ones, ones, weight)


def test_each_view_is_of_length_one_and_sizes_follow_the_artefacts() -> None:
    made = Embedder(mf=MF, content=CONTENT).listeners(histories([0, 2], [1, 4, 5], []))
    assert made is not None
    assert made.shape == (3, 4 + 3 + EMBEDDED["sequence"])
    norms = [np.linalg.norm(made[:, part], axis=1).round(5).tolist() for part in (slice(0, 4), slice(4, 7), slice(7, None))]
    assert norms == [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]


def test_without_an_artefact_its_view_is_zeros_and_without_any_there_is_no_vector() -> None:
    log = histories([0, 2])
    made = Embedder(content=CONTENT).listeners(log)
    assert made is not None
    assert made.shape == (1, EMBEDDED["mf"] + 3 + EMBEDDED["sequence"])
    assert not made[0, : EMBEDDED["mf"]].any()
    assert Embedder().listeners(log) is None


def test_new_tracks_are_left_out() -> None:
    embedder = Embedder(mf=MF, content=CONTENT)
    log = histories([0, 2, 6, 9], [7])
    made, old = embedder.listeners(log), embedder.listeners(known(log, 6))
    assert made is not None and old is not None
    assert made.tobytes() == old.tobytes()
    assert not made[1].any()


def test_a_listener_alone_has_the_same_bytes() -> None:
    embedder, log = Embedder(mf=MF, content=CONTENT), histories([0, 2, 3], [1, 4], [5])
    together = embedder.listeners(log)
    assert together is not None
    for row in range(3):
        alone = embedder.listeners(log.rows(row, row + 1))
        assert alone is not None
        assert alone[0].tobytes() == together[row].tobytes()
