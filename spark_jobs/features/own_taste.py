"""plays, last week's artefacts `contexts` and `content` -> what share of each play is the listener's own taste.

A play of a session that is rather somebody else's (a child's hour, sleep sounds) counts with `foreign.weight`, any other whole:
where most sources ask only whether a track was heard, a little of it would be all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.contexts import DEVICES, PLAYLIST_CONTEXTS
from conf.errors import ArtefactError
from conf.settings import BuildHistories
from models.contexts import ContextModel, Sound
from models.contexts.sound import Tracks
from models.listening import Listening, codes, listening
from models.plays import Plays
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.contract import Run


@dataclass(frozen=True)
class Judges:
    """References to what tells foreign sessions; small enough to travel."""

    contexts: ArtefactRef
    content: ArtefactRef | None


def judges(params: BuildHistories, run: Run) -> Judges | None:
    """Who judges, None where everything counts: by setting, or because last week left nobody, which is told."""
    if params.foreign.weight == 1.0:
        return None
    try:
        found = Judges(run.artefacts["contexts"], run.artefacts.get("content"))
        opened(found)
    except (ArtefactError, KeyError, ValueError) as missing:
        run.warn(f"foreign sessions count as taste this week, there is no contexts artefact of the week before: {missing}")
        return None
    return found


@lru_cache(maxsize=2)
def opened(refs: Judges) -> tuple[ContextModel, Tracks]:
    """The model, and what it looks at in each track."""
    model = ContextModel.load(artefacts.load_arrays(refs.contexts), artefacts.manifest(refs.contexts)["params"])
    meaning = None if refs.content is None else np.asarray(artefacts.load_arrays(refs.content)["vectors"])
    return model, model.tracks(Sound(meaning))


def counted(
    plays: Plays, first: npt.NDArray[np.int64], block: pa.RecordBatch, refs: Judges, params: BuildHistories
) -> npt.NDArray[np.float64]:
    """What each play counts, float64 [m]: 1, or the setting's weight.

    Parameters
    ----------
    first : int64 [n], each listener's first row. block : the rows' device, playlist_context and timezone.
    """
    model, tracks = opened(refs)
    device = codes(block.column("device"), DEVICES)
    playlist = codes(block.column("playlist_context"), PLAYLIST_CONTEXTS)
    timezone: Any = block.column("timezone").take(pa.array(first))
    heard = listening(plays, len(first), timezone, device, playlist, params.listen_rule, model.params.gap_minutes)
    return weights(model, heard, tracks, params.foreign.weight)


def weights(model: ContextModel, heard: Listening, sound: Sound | Tracks, foreign: float) -> npt.NDArray[np.float64]:
    """`foreign` for plays of sessions that are rather somebody else's, 1 for the others, float64 [m]."""
    judged = model.judge(heard, sound)
    return np.where(judged.of_plays(judged.own) < 0.5, foreign, 1.0)
