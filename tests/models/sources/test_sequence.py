from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.trainers import TrainSequence
from models.histories import Histories
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.sequence import Sequence

TRACKS = 50
PARAMS = TrainSequence(
    dimensions=16, length=8, epochs=30, batch=256, learning_rate=0.01, dropout=0.1, attention_dropout=0.0, negatives=0
)


def walks(orders: np.ndarray[Any, Any], hide: bool) -> tuple[Histories, np.ndarray[Any, Any]]:
    """Histories of walks [n, m], one track a day, without the last step; and that step."""
    heard, target = (orders[:, :-1], orders[:, -1]) if hide else (orders, orders[:, -1])
    place = np.argsort(heard, axis=1)
    ones = np.ones(heard.size, np.int32)
    tracks = np.take_along_axis(heard, place, axis=1).ravel().astype(np.int32)
    indptr = np.arange(len(heard) + 1, dtype=np.int64) * heard.shape[1]
    names = pa.array([f"u{n:04d}" for n in range(len(heard))])
    log = Histories(names, indptr, tracks, ones, ones, 0 * ones, place.ravel().astype(np.int32), ones.astype(np.float32))
    return log, target


def chain(seed: int) -> np.ndarray[Any, Any]:
    """Whoever hears track n hears n + 1 next."""
    starts = np.random.default_rng(seed).integers(0, TRACKS, 300)
    return (starts[:, None] + np.arange(9)) % TRACKS


def top(source: Sequence, log: Histories, k: int) -> np.ndarray[Any, Any]:
    block = Listeners(log, pa.nulls(len(log), pa.string()))
    return source.recommend(block, k, Exclusions(log.indptr, log.track_idx)).ids


@pytest.mark.parametrize("negatives", [0, 20])
def test_the_next_of_a_chain_comes_first(catalogue: Catalogue, negatives: int) -> None:
    log, _ = walks(chain(0), hide=False)
    source = Sequence.fit(log, catalogue, PARAMS.model_copy(update={"negatives": negatives}))
    fresh, target = walks(chain(1), hide=True)
    assert (top(source, fresh, 1)[:, 0] == target).mean() > 0.98


def test_permuted_histories_score_like_chance(catalogue: Catalogue) -> None:
    """Each listener's days dealt out anew: what they heard stays, the order goes. Of the two tracks at the ends of what they
    heard both are as likely next, and the steps between say nothing of which.
    """
    orders = np.random.default_rng(2).permuted(chain(0), axis=1)
    log, _ = walks(orders, hide=False)
    source = Sequence.fit(log, catalogue, PARAMS)
    fresh, target = walks(chain(1), hide=True)
    hits = (top(source, fresh, 2) == target[:, None]).mean(axis=0)
    assert hits[0] < 0.7


def test_an_unheard_track_stands_with_its_artist(catalogue: Catalogue) -> None:
    """Track 49 was never heard; its artist's other tracks follow each other, and so does it."""
    artist = (np.arange(TRACKS) // 10).astype(np.int32)
    rng = np.random.default_rng(3)
    orders = np.stack([rng.permutation(9 if a == 4 else 10)[:8] + 10 * a for a in rng.integers(0, 5, 200)])
    log, _ = walks(orders, hide=False)
    fan, _ = walks(np.array([[40, 41, 42, 43, 44, 45, 46, 47, 48]]), hide=False)
    place = []
    for known in (Catalogue(catalogue.tie_rank, catalogue.allowed, artist), catalogue):
        found = top(Sequence.fit(log, known, PARAMS), fan, 41)[0]
        place.append(np.flatnonzero(found == 49)[0])
    assert place[0] == 0
    assert place[1] > 0


def test_who_heard_nothing_gets_nothing(catalogue: Catalogue) -> None:
    log, _ = walks(chain(0)[:20], hide=False)
    source = Sequence.fit(log, catalogue, PARAMS.model_copy(update={"epochs": 1}))
    silence = log.rows(0, 0)
    stranger = Histories(pa.array(["s"]), np.zeros(2, np.int64), *(getattr(silence, n) for n in list(vars(silence))[2:]))
    assert (top(source, stranger, 5) == -1).all()


def test_serving_needs_no_jax() -> None:
    """A worker starts in a second; jax alone takes as long, and its threads would fight the others'."""
    code = "import sys, models.sources.sequence; sys.exit('jax' in sys.modules or 'onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
