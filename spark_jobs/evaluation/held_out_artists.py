"""held-out listener-artist pairs -> ndcg@20 over artists: quality on real taste, where only the artists are real.

Some real data count plays per artist and say neither track nor time (HetRec Last.fm-2k): the importer spreads them over
tracks and weeks, flags that as simulated, and withholds a seeded fifth of each listener's artists as pairs. A model ranks
every artist that the listener is not known to play. `artists` asks the sources over artists (artist_sources.py). `mf` folds the
listener into the tracks' factors and gives an artist the norm of its tracks' positive scores: several good tracks count, the
best the most (the best track alone finds a tenth less, the sum favours artists with many tracks). `popularity` gives an artist
the decayed listeners of all its tracks.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from conf.settings import RankArtists
from models.fold_in import fold_in
from models.metrics import hits_of, ndcg_at_k, recall_at_k
from models.sources.base import Exclusions
from models.sources.mf import MatrixFactorization
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.contract import Rows
from spark_jobs.evaluation import artist_sources
from spark_jobs.evaluation.panel import Panel
from spark_jobs.evaluation.score_card import Columns, with_difference
from spark_jobs.evaluation.week_after import WeekAfter
from spark_jobs.training.side_information import main_artists

log = logging.getLogger(__name__)
FILE = "held_out.parquet"
K = 20
# Listeners whose scores for every track are held at once: 60 MB at 30,000 tracks.
BLOCK = 512
Lists = npt.NDArray[np.int32]


@dataclass(frozen=True)
class About:
    """What is known beside the panel: what is said of artists, who follows whom, and the first day that is not seen."""

    tags: Rows
    follows: Rows
    cut: date


def measure(
    panel: Panel,
    week: WeekAfter,
    folder: Path,
    mf: ArtefactRef | None,
    popularity: ArtefactRef,
    about: About,
    params: RankArtists,
) -> Columns:
    """Values per listener with a withheld artist: ndcg and recall of each model, and the paired difference to popularity."""
    number, names = main_artists(panel.tracks["artist_ids"])
    artist_of = np.full(len(panel.catalogue), -1, np.int32)
    artist_of[panel.tracks["track_idx"].to_numpy()] = number
    row, artist = _withheld(panel, folder, names)
    relevant = np.bincount(row, minlength=len(panel))
    asked = relevant > 0
    if not asked.any():
        return {}
    known = _known_artists(panel, week, artist_of, len(names))
    taste = artist_sources.gather(panel, artist_of, names, about.tags, about.follows, about.cut)
    ranked = {"artists": taste.best(_exclusions(known), K, params)}
    if mf is not None:
        ranked["mf"] = _by_taste(panel, mf, known, artist_of)
    ranked["popularity"] = _by_listeners(popularity, known, artist_of)
    columns: Columns = {}
    for model, lists in ranked.items():
        hits = hits_of(lists, row, artist, len(names))[asked]
        columns[model, f"artist_ndcg@{K}"] = ndcg_at_k(hits, relevant[asked])
        columns[model, f"artist_recall@{K}"] = recall_at_k(hits, relevant[asked])
    return with_difference(columns, "artists", "popularity")


def _exclusions(known: npt.NDArray[np.bool_]) -> Exclusions:
    return Exclusions(
        np.concatenate([[0], np.cumsum(known.sum(axis=1))]).astype(np.int64), np.nonzero(known)[1].astype(np.int32)
    )


def _withheld(panel: Panel, folder: Path, names: pa.Array) -> tuple[npt.NDArray[np.int64], Lists]:
    """(row, artist) pairs of the panel; a pair whose artist has no track cannot be found and is counted in the log."""
    pairs = pq.read_table(folder / FILE, columns=["user_id", "artist_id"])
    row = panel.rows_of(pairs["user_id"])
    artist = pc.index_in(pairs["artist_id"], value_set=names).fill_null(-1).to_numpy()
    theirs = row >= 0
    usable = theirs & (artist >= 0)
    log.info(
        "held_out pairs=%d listeners_unknown=%d artists_without_tracks=%d",
        len(row), int((~theirs).sum()), int((theirs & ~usable).sum()),
    )  # fmt: skip
    return row[usable].astype(np.int64), artist[usable]


def _known_artists(panel: Panel, week: WeekAfter, artist_of: Lists, artists: int) -> npt.NDArray[np.bool_]:
    """Artists whom a listener plays before or after the cut, bool [n, artists]: they are no answer to either model."""
    history = panel.listeners.log
    row = np.concatenate([np.repeat(np.arange(len(history)), np.diff(history.indptr)), week.played[0]])
    artist = artist_of[np.concatenate([history.track_idx, week.played[1]])]
    known = np.zeros((len(history), artists), bool)
    known[row[artist >= 0], artist[artist >= 0]] = True
    return known


def _by_taste(panel: Panel, ref: ArtefactRef, known: npt.NDArray[np.bool_], artist_of: Lists) -> Lists:
    source = MatrixFactorization.load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"], panel.catalogue)
    factors = source.items.factors
    tracks = np.argsort(artist_of[: len(factors)], kind="stable")
    tracks = tracks[artist_of[tracks] >= 0]  # by artist; tracks without one are left out
    artist, first = np.unique(artist_of[tracks], return_index=True)
    listeners, ranked = fold_in(panel.listeners.log, source.items), []
    for start in range(0, len(panel), BLOCK):
        scores = listeners[start : start + BLOCK] @ factors[tracks].T
        strength = np.zeros((len(scores), known.shape[1]))
        strength[:, artist] = np.add.reduceat(np.maximum(scores, 0) ** 2, first, axis=1)
        ranked.append(_best_unknown(strength, known[start : start + BLOCK]))
    return np.concatenate(ranked)


def _best_unknown(strength: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> Lists:
    """Top K artists of each row, those already known left out; equal ones in order of their id."""
    order = np.argsort(-np.where(known, -1.0, strength), axis=1, kind="stable")[:, :K].astype(np.int32)
    return np.where(np.take_along_axis(known, order, axis=1), -1, order)


def _by_listeners(ref: ArtefactRef, known: npt.NDArray[np.bool_], artist_of: Lists) -> Lists:
    shares = artefacts.load_arrays(ref)["shares"]
    credited = np.flatnonzero(artist_of[: len(shares)] >= 0)
    total = np.bincount(artist_of[credited], shares[credited], minlength=known.shape[1])
    return _best_unknown(np.broadcast_to(total, known.shape), known)
