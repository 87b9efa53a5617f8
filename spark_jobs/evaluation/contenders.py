"""panel -> contenders: the top-k lists that are compared, each int32 [n, k] of track_idx with -1 as padding."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.sources.popularity import Popularity
from models.topk import Exclusions
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.contract import Rows
from spark_jobs.evaluation.panel import Panel
from spark_jobs.evaluation.truth import load_truth
from spark_jobs.intake.world_files.truth import PARAMETERS

Lists = npt.NDArray[np.int32]
# Listeners whose scores for every track are held at once: 250 MB of float64 at 30,000 tracks.
TRUTH_BLOCK = 512


def as_built(panel: Panel, playlists: Rows, surface: str, k: int) -> Lists:
    """The lists that the surface had, cut at k; a listener without one has an empty list."""
    lists = np.full((len(panel), k), -1, np.int32)
    where = panel.theirs & (pc.field("surface") == surface)
    for batch in playlists.batches(columns=["user_id", "tracks", "surface"], where=where):
        tracks = batch["tracks"]
        lengths = tracks.value_lengths().to_numpy()
        row = np.repeat(panel.rows_of(batch["user_id"]), lengths)
        rank = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        shown = rank < k
        lists[row[shown], rank[shown]] = panel.track_idx_of(tracks.flatten().field("track_id"))[shown]
    return lists


def popular(panel: Panel, ref: ArtefactRef, k: int) -> Lists:
    """Decayed popularity of the listener's country, or of everywhere, as of the cut, without what they had heard."""
    source = Popularity.load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"], panel.catalogue)
    return source.recommend(panel.listeners, k, panel.heard).ids


def is_world(truth_folder: Path) -> bool:
    """Whether the folder holds a simulated world's truth, and not only withheld real pairs."""
    return (truth_folder / PARAMETERS).is_file()


def best_possible(panel: Panel, truth_folder: Path, as_of: date, k: int) -> tuple[Lists, npt.NDArray[np.bool_]]:
    """(lists, known): the simulated world's own ranking of unheard tracks by how likely they are found and finished.

    `known`, bool [n]: listeners that the world knows of; bots are not among them.
    """
    truth = load_truth(truth_folder)
    known = np.isin(np.array(panel.user_ids.to_pylist(), dtype=str), truth.user_ids)
    lists, heard = np.full((len(panel), k), -1, np.int32), panel.heard
    for start in range(0, len(panel), TRUTH_BLOCK):
        rows = start + np.flatnonzero(known[start : start + TRUTH_BLOCK])
        if not len(rows):
            continue
        demand, track_ids = truth.demand(panel.user_ids.take(rows).to_pylist(), as_of)
        column = _column_of(panel, track_ids)
        lists[rows] = _best_unheard(_by_track_idx(demand, column), heard, rows, k)
    return lists, known


def _column_of(panel: Panel, track_ids: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """Column of the truth that holds each track_idx, -1 for a track that the world does not know."""
    column = np.full(len(panel.catalogue), -1, np.int64)
    idx = panel.track_idx_of(pa.array(track_ids.tolist(), pa.string()))
    column[idx[idx >= 0]] = np.flatnonzero(idx >= 0)
    return column


def _by_track_idx(values: npt.NDArray[np.float32], column: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    return np.where(column >= 0, values[:, column], np.float32(0))


def _best_unheard(scores: npt.NDArray[np.float32], heard: Exclusions, rows: npt.NDArray[np.int64], k: int) -> Lists:
    """Top k of each row of scores > 0, heard tracks left out."""
    for at, row in enumerate(rows):
        scores[at, heard.ids[heard.indptr[row] : heard.indptr[row + 1]]] = 0
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    lists = np.where(np.take_along_axis(scores, order, axis=1) > 0, order, -1).astype(np.int32)
    return np.pad(lists, ((0, 0), (0, k - lists.shape[1])), constant_values=-1)
