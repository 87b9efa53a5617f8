"""tracks, histories -> what the network of sound learns from: tracks with a file and an audience, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audio.cnn.patches import filled, patches_of, quantised
from conf.ears import TrainAudio
from models.cores import one_blas_thread
from models.histories import Histories
from models.inputs import input_matrix
from models.sources.taste_factors import taste_factors
from spark_jobs.contract import Rows
from spark_jobs.hearing.ear import Ear, FileHeard
from spark_jobs.training.listener_sample import lowest_checksums
from spark_jobs.training.side_information import main_artists

READINGS = ("energy", "acousticness", "instrumentalness", "valence")
COLUMNS = ["track_id", "track_idx", "audio", "artist_ids", "genres"]
_COMPANIONS = 10  # tracks heard together with each, most often first
_PAIRED_LISTENERS = 20_000  # more tell the same pairs
_FEWEST_OF_A_GENRE = 5
_TOGETHER = 64
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Lessons:
    """What is known of n tracks before anything is heard.

    Attributes
    ----------
    path : below the audio folder. artist : int32 [n], -1 where unknown. factors : float32 [n, d], of their listeners' taste.
    genres : float32 [n, g], 0 or 1, NaN for a track without genres. pairs : int32 [m, 2], rows of tracks heard together.
    """

    path: list[str]
    artist: npt.NDArray[np.int32]
    factors: npt.NDArray[np.float32]
    genres: npt.NDArray[np.float32]
    pairs: npt.NDArray[np.int32]

    def of(self, rows: npt.NDArray[np.int64]) -> Lessons:
        """The lessons of some rows, ascending; pairs of which one is missing are dropped."""
        place = np.full(len(self.path), -1, np.int32)
        place[rows] = np.arange(len(rows))
        pairs = place[self.pairs]
        kept = pairs[(pairs >= 0).all(axis=1)]
        return Lessons([self.path[row] for row in rows], self.artist[rows], self.factors[rows], self.genres[rows], kept)


def lessons(tracks: Rows, log: Histories, params: TrainAudio) -> Lessons:
    """At most `max_tracks` tracks with a file that `min_listeners` heard, those with the lowest crc32(track_id)."""
    rows = tracks.table(columns=COLUMNS)
    # Either may know tracks that the other does not; a matrix that is too narrow for its indices ends the process.
    size = 1 + max(int(idx.max(initial=-1)) for idx in (rows["track_idx"].to_numpy(), log.track_idx))
    plays = input_matrix(log, size, "binary")
    listeners = np.bincount(plays.indices, minlength=size)
    has_file = rows["audio"].is_valid().to_numpy()
    candidates = rows.filter(pa.array(has_file & (listeners[rows["track_idx"].to_numpy()] >= params.min_listeners)))
    names = lowest_checksums(candidates["track_id"], params.max_tracks)
    chosen = candidates.take(pc.index_in(names, value_set=candidates["track_id"].combine_chunks()))
    idx = chosen["track_idx"].to_numpy()
    factors = taste_factors(plays, params.taste_dimensions, params.seed)[idx]
    artist = main_artists(chosen["artist_ids"])[0]
    return Lessons(
        chosen["audio"].to_pylist(), artist, factors.astype(np.float32), genres_of(chosen["genres"]), companions(plays, idx)
    )


def genres_of(genres: Any) -> npt.NDArray[np.float32]:
    """One column for each genre of at least five tracks, in order of its name; NaN for tracks of no genre at all."""
    lists = [set(given or []) for given in genres.to_pylist()]
    names = sorted(set().union(*lists)) if lists else []
    columns = [np.array([name in own for own in lists], np.float32) for name in names]
    told = [column for column in columns if column.sum() >= _FEWEST_OF_A_GENRE]
    made = np.stack(told, axis=1) if told else np.zeros((len(lists), 0), np.float32)
    made[[not own for own in lists]] = np.nan
    return made


def companions(plays: Any, idx: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Pairs of rows of `idx` that the same listeners hear, int32 [m, 2]: the ten nearest of each by cosine, never itself.

    Parameters
    ----------
    plays : sparse [listeners, tracks], 1 where heard. idx : int32 [n], tracks.
    """
    heard = plays[:_PAIRED_LISTENERS][:, idx].tocsc().astype(np.float32)
    length = np.sqrt(np.maximum(np.asarray(heard.multiply(heard).sum(axis=0)).ravel(), 1e-9))
    pairs = []
    for start in range(0, len(idx), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(idx)))
        likeness = (heard[:, rows].T @ heard).toarray() / length[rows, None] / length
        likeness[np.arange(len(rows)), rows] = 0
        best = np.argsort(-likeness, axis=1, kind="stable")[:, :_COMPANIONS]
        first, second = np.repeat(rows, best.shape[1]), best.ravel()
        pairs.append(np.stack([first, second], axis=1)[np.take_along_axis(likeness, best, 1).ravel() > 0])
    return np.concatenate(pairs).astype(np.int32) if pairs else np.zeros((0, 2), np.int32)


def listened(root: Path, paths: list[str], params: TrainAudio) -> tuple[npt.NDArray[np.int64], Any, npt.NDArray[np.float32]]:
    """Hear files below `root`: (rows that could be heard, uint8 patches [n, p, frames, bands], readings float32 [n, r])."""
    rows, patches, readings = [], [], []
    for row, found in enumerate(_heard(root, paths, params.cores)):
        if found.heard is not None:
            rows.append(row)
            patches.append(quantised(filled(patches_of(found.heard.mel, params.patches), params.patches)))
            findings = found.heard.findings()
            readings.append([findings[name] for name in READINGS])
    made = np.stack(patches) if patches else np.zeros((0, params.patches, 0, 0), np.uint8)
    return np.array(rows, np.int64), made, np.array(readings, np.float32).reshape(len(rows), len(READINGS))


def _heard(root: Path, paths: list[str], cores: int) -> Iterator[FileHeard]:
    """What is heard in each file, in order. An ear a thread: each has its own decoder, and BLAS has one, as in Spark's workers.

    Its last bits depend on how many it has.
    """
    with one_blas_thread(), ExitStack() as opened, ThreadPoolExecutor(cores) as pool:
        ears = [opened.enter_context(Ear()) for _ in range(cores)]
        for start in range(0, len(paths), cores * _TOGETHER):
            together = paths[start : start + cores * _TOGETHER]
            shares = [together[at::cores] for at in range(cores)]
            answers = list(pool.map(lambda ear, share: [ear.hear_below(root, path) for path in share], ears, shares))
            yield from (answers[at % cores][at // cores] for at in range(len(together)))
