"""held-out listener-artist pairs -> ndcg@20 over artists: quality on real taste, where only the artists are real.

Some real data count plays per artist and say neither track nor time (HetRec Last.fm-2k): the importer spreads them over
tracks and weeks, flags that as simulated, and withholds a seeded fifth of each listener's artists as pairs. A model ranks
every artist that the listener is not known to play. `mf` folds the listener in and ranks all tracks by artists not yet
known; an artist stands where its best track stands. `popularity` ranks artists by the decayed listeners of all their
tracks together, the stronger of the ways to count them.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.metrics import first_of_groups, hits_of, ndcg_at_k, recall_at_k
from models.slates.ragged import from_lengths
from models.sources.mf import MatrixFactorization
from models.topk import MAX_K, Exclusions
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.evaluation.panel import Panel
from spark_jobs.evaluation.score_card import Columns, with_difference
from spark_jobs.evaluation.week_after import WeekAfter

log = logging.getLogger(__name__)
FILE = "held_out.parquet"
K = 20
Lists = npt.NDArray[np.int32]


def measure(panel: Panel, week: WeekAfter, folder: Path, mf: ArtefactRef, popularity: ArtefactRef) -> Columns:
    """Values per listener with a withheld artist: ndcg and recall of both models, and their paired difference."""
    names, artist_of = _main_artists(panel.tracks, len(panel.catalogue))
    row, artist = _withheld(panel, folder, names)
    relevant = np.bincount(row, minlength=len(panel))
    asked = relevant > 0
    known = _known_artists(panel, week, artist_of, len(names))
    ranked = {"mf": _by_taste(panel, mf, known, artist_of), "popularity": _by_listeners(popularity, known, artist_of)}
    columns: Columns = {}
    for model, lists in ranked.items():
        hits = hits_of(lists, row, artist, len(names))[asked]
        columns[model, f"artist_ndcg@{K}"] = ndcg_at_k(hits, relevant[asked])
        columns[model, f"artist_recall@{K}"] = recall_at_k(hits, relevant[asked])
    return with_difference(columns, "mf", "popularity") if asked.any() else {}


def _main_artists(tracks: pa.Table, n_tracks: int) -> tuple[pa.Array, Lists]:
    """(artist ids in order, number of the main artist of each track_idx; -1 for none)."""
    credited = tracks.filter(pc.greater(pc.list_value_length(tracks["artist_ids"]), 0))
    main = pc.list_element(credited["artist_ids"], 0)
    names = pc.unique(main).sort()
    artist_of = np.full(n_tracks, -1, np.int32)
    artist_of[credited["track_idx"].to_numpy()] = pc.index_in(main, value_set=names).to_numpy()
    return names, artist_of


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
    by_artist = from_lengths(np.bincount(artist_of + 1, minlength=known.shape[1] + 1)[1:], _tracks_by_artist(artist_of))
    struck = [
        np.concatenate([by_artist.row(artist) for artist in np.flatnonzero(row)] or [np.empty(0, np.int32)]) for row in known
    ]
    indptr = np.concatenate([[0], np.cumsum([len(tracks) for tracks in struck])]).astype(np.int64)
    exclude = Exclusions(indptr, np.concatenate(struck))
    depth = min(MAX_K, max(K, len(panel.catalogue)))
    return first_of_groups(source.recommend(panel.listeners, depth, exclude).ids, artist_of, K)


def _tracks_by_artist(artist_of: Lists) -> Lists:
    order = np.argsort(artist_of, kind="stable").astype(np.int32)
    return order[np.count_nonzero(artist_of < 0) :]


def _by_listeners(ref: ArtefactRef, known: npt.NDArray[np.bool_], artist_of: Lists) -> Lists:
    shares = artefacts.load_arrays(ref)["shares"]
    credited = np.flatnonzero(artist_of[: len(shares)] >= 0)
    total = np.bincount(artist_of[credited], shares[credited], minlength=known.shape[1])
    ranking = np.argsort(-total, kind="stable").astype(np.int32)
    everyone = np.broadcast_to(ranking, known.shape)
    return first_of_groups(np.where(known[:, ranking], -1, everyone), np.arange(known.shape[1], dtype=np.int32), K)
