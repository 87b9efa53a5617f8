"""listens, tracks, users, track_audio -> artefact `contexts`: what sessions look like in each mode of listening.

Learned without labels by expectation and maximization over sessions (models/contexts/learning.py), with the styles of music
that the artefact `content` tells apart where there is one. An empty log gives what is known beforehand.
build_listener_features judges every session with it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.contexts import TrainContexts
from conf.errors import ArtefactError
from models.contexts import MODES, ContextModel, Sound
from models.contexts.words import words
from models.listening import LISTEN_COLUMNS, Listening, from_arrow
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.features.item_arrays import AUDIO_COLUMNS, readings_of
from spark_jobs.intake.listener_blocks import changes
from spark_jobs.training.listener_sample import lowest_checksums

log = logging.getLogger(__name__)
TRACK_COLUMNS = ["track_id", "track_idx", "duration_ms", "genres"]


def train(*, listens: Rows, tracks: Rows, users: Rows, track_audio: Rows, params: TrainContexts, run: Run) -> Artefact:
    """The model as of `run.cut`, from the `max_listeners` listeners with the lowest crc32(user_id)."""
    catalogue = tracks.table(columns=TRACK_COLUMNS).combine_chunks()
    since = datetime.combine(run.cut - timedelta(days=params.days), time(), UTC)
    heard = sampled(listens, since, params.max_listeners)
    plays = listening_of(heard, catalogue, users.table(columns=["user_id", "timezone"]), params)
    model = ContextModel.fit(plays, sound_of(catalogue, track_audio, meaning_of(run)), params)
    saved = model.save()
    metrics = {
        "listeners": float(plays.listeners),
        "plays": float(len(plays)),
        "sessions": float(plays.session[-1] + 1) if len(plays) else 0.0,
        "styles": float(len(model.styles)),
        **{f"share_{mode}": float(share) for mode, share in zip(MODES, model.tables.shares, strict=True)},
    }
    log.info("job=train_contexts %s", " ".join(f"{name}={value:.6g}" for name, value in metrics.items()))
    return Artefact(saved.arrays, saved.params, metrics)


def sampled(listens: Rows, since: datetime, most: int) -> pa.Table:
    """Rows of at most `most` listeners, in no order."""
    late = pc.field("started_at") >= pa.scalar(since, pa.timestamp("us", "UTC"))
    seen = [pc.unique(batch.column("user_id")) for batch in listens.batches(columns=["user_id"], where=late)]
    names = pa.chunked_array([pc.unique(pa.chunked_array(seen, pa.string()))])
    where = late & pc.field("user_id").isin(lowest_checksums(names, most)) if len(names) > most else late
    return listens.table(columns=[*LISTEN_COLUMNS, "track_id"], where=where)


def listening_of(heard: pa.Table, catalogue: pa.Table, users: pa.Table, params: TrainContexts) -> Listening:
    """Plays of tracks of the catalogue, in order.

    Parameters
    ----------
    heard : LISTEN_COLUMNS and track_id. catalogue : track_id, track_idx, duration_ms. users : user_id, timezone.
    """
    place = pc.index_in(heard["track_id"], value_set=catalogue["track_id"].combine_chunks())
    heard = heard.append_column("place", place).filter(place.is_valid())
    heard = heard.take(pc.sort_indices(heard, [(name, "ascending") for name in ("user_id", "started_at", "listen_id")]))
    heard = heard.combine_chunks()
    at, home = heard["place"].combine_chunks(), pc.index_in(heard["user_id"], value_set=users["user_id"].combine_chunks())
    for name in ("track_idx", "duration_ms"):
        heard = heard.append_column(name, catalogue[name].combine_chunks().take(at))
    heard = heard.append_column("timezone", users["timezone"].combine_chunks().take(home.combine_chunks()))
    names: Any = heard["user_id"].combine_chunks()
    return from_arrow(heard, changes(names), params.listen_rule, params.gap_minutes)


def sound_of(catalogue: pa.Table, track_audio: Rows, meaning: npt.NDArray[np.float32] | None) -> Sound:
    """What is known of how the catalogue's tracks sound."""
    idx = catalogue["track_idx"].to_numpy()
    size = int(idx.max(initial=-1)) + 1
    readings = readings_of(track_audio.table(columns=AUDIO_COLUMNS), catalogue, size)
    genres = words(idx, catalogue["genres"].to_pylist(), size)
    return Sound(None if meaning is None else meaning[:size], readings if np.isfinite(readings).any() else None, genres)


def meaning_of(run: Run) -> npt.NDArray[np.float32] | None:
    """Vectors of the artefact `content`; None where there is none or it is damaged, which is told."""
    if "content" not in run.artefacts:
        return None
    try:
        return np.asarray(artefacts.load_arrays(run.artefacts["content"])["vectors"])
    except (ArtefactError, KeyError, ValueError) as damaged:
        run.warn(f"contexts are learned without what tracks stand for: {damaged}")
        return None
