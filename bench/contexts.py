"""Session contexts against the planted modes: accuracy, confusion, calibration, foreign sessions, a stream's first plays.

Each warehouse holds one simulated world after intake, its truth folder stands beside the landing folder. The model learns from
90 days without labels and judges the sessions of these days. `hour_alone` is the best that the local hour can do for who knows
the truth: the most frequent true mode of each hour, counted on the other half of the listeners. A stream knows a listener from
the sessions before its last three weeks.

    python bench/contexts.py WAREHOUSE [WAREHOUSE ...]   -> bench/results/contexts.json
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import record

from conf import tables as t
from conf.contexts import TrainContexts
from conf.landing import truth_beside
from conf.settings import Settings
from models.contexts import FOREIGN, MODES, ContextModel, Judged, Sound
from models.contexts.evidence import posterior
from models.contexts.facts import first_plays, moments
from models.contexts.words import words
from models.listening import Listening
from models.sources.content import Content
from spark_jobs.evaluation import replay
from spark_jobs.evaluation.truth import load_truth
from spark_jobs.training import side_information
from spark_jobs.training.train_contexts import TRACK_COLUMNS, listening_of, sampled
from spark_jobs.warehouse import Warehouse

PLANTED = {"work": "focus", "evening": "wind_down", "everyday": "any"}
# Worlds that the settings were chosen on; the others were looked at once.
CHOSEN_ON = ("101", "102")
LISTENERS, STREAMED, BINS = 20_000, timedelta(days=21), 10
MINUTE_US = 60_000_000
Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """Sessions of one world.

    truth : int64 [s], place of each session's planted mode in MODES; -1 where sessions were cut otherwise than planted.
    """

    listening: Listening
    sound: Sound
    truth: Int64s


def load(path: Path, params: TrainContexts) -> World:
    """Plays of the last days, content vectors as of the cut, and the planted modes."""
    settings, warehouse = Settings(), Warehouse(path)
    rows = {table.name: warehouse.rows(table) for table in (t.LISTENS, t.USERS, t.FOLLOWS, t.FEEDBACK, t.ARTISTS, t.TAGS)}
    tracks = warehouse.rows(t.TRACKS).table(columns=TRACK_COLUMNS).combine_chunks()
    log = replay.take(
        rows["listens"], rows["users"], rows["follows"], rows["feedback"], tracks.drop_columns(["genres"]), LISTENERS
    )
    last = date(1970, 1, 1) + timedelta(days=int(log.plays.started_at.max() // (1440 * MINUTE_US)))
    cut = replay.newest_cut(last)
    catalogue = side_information.written(warehouse.rows(t.TRACKS), rows["artists"], rows["tags"], cut + timedelta(days=1))
    past = log.cut(cut, settings.build_histories, settings.generate_candidates.circle)
    content = Content.fit(past.block.log, catalogue, settings.train_content)
    since = datetime.combine(cut - timedelta(days=params.days), clock(), UTC)
    heard = sampled(rows["listens"], since, LISTENERS)
    users = rows["users"].table(columns=["user_id", "timezone"])
    listening = listening_of(heard, tracks, users, params)
    genres = words(tracks["track_idx"].to_numpy(), tracks["genres"].to_pylist(), len(catalogue))
    names = pc.unique(heard.filter(pc.is_in(heard["track_id"], tracks["track_id"].combine_chunks()))["user_id"]).sort()
    truth = planted(listening, names, load_truth(truth_beside(path.parent / "landing")).sessions())
    return World(listening, Sound(content.vectors, words=genres), truth)


def planted(listening: Listening, names: Any, sessions: pa.Table) -> Int64s:
    """The planted mode of each session that starts with a planted one, int64 [s]."""
    first = first_plays(listening.session)
    who = pc.index_in(sessions["user_id"], value_set=names).fill_null(-1).to_pylist()
    when = sessions["started_at"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_pylist()
    modes = [MODES.index(PLANTED.get(mode, mode)) for mode in sessions["mode"].to_pylist()]
    known = dict(zip(zip(who, when, strict=True), modes, strict=True))
    keys = zip(listening.listener[first].tolist(), (listening.started_at[first] // 1000).tolist(), strict=True)
    return np.array([known.get(key, -1) for key in keys], np.int64)


def hour_alone(world: World) -> float:
    """Accuracy of the best guess from the local hour, counted on other listeners."""
    first = first_plays(world.listening.session)
    hour, half = moments(world.listening.local_at[first])[1] // 2, world.listening.listener[first] % 2
    right = 0
    for fold in (0, 1):
        counts = np.zeros((24, len(MODES)))
        others, own = (half != fold) & (world.truth >= 0), (half == fold) & (world.truth >= 0)
        np.add.at(counts, (hour[others], world.truth[others]), 1)
        right += int((counts.argmax(axis=1)[hour[own]] == world.truth[own]).sum())
    return right / int((world.truth >= 0).sum())


def accuracy(modes: Float32s, truth: Int64s) -> float:
    """Share of sessions whose most probable mode is the planted one."""
    known = truth >= 0
    return float((modes[known].argmax(axis=1) == truth[known]).mean())


def calibration_error(chance: Float32s, true: npt.NDArray[np.bool_]) -> float:
    """Mean distance between what was promised and what came true, in ten bins of the promise."""
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    off = [abs(float(chance[bins == b].mean() - true[bins == b].mean())) * float((bins == b).mean()) for b in np.unique(bins)]
    return float(sum(off))


def foreign_found(judged: Judged, truth: Int64s) -> dict[str, float]:
    """Precision, recall and calibration of what is said to be somebody else's."""
    known = truth >= 0
    foreign, chance = truth[known] >= len(MODES) - len(FOREIGN), 1.0 - judged.own[known]
    said = chance > 0.5
    both = float((foreign & said).sum())
    return {
        "sessions": int(foreign.sum()),
        "precision": round(both / max(float(said.sum()), 1.0), 4),
        "recall": round(both / max(float(foreign.sum()), 1.0), 4),
        "calibration_error": round(calibration_error(chance, foreign), 4),
    }


def confusion(modes: Float32s, truth: Int64s) -> dict[str, dict[str, int]]:
    """Planted mode -> most probable mode -> sessions."""
    known, counts = truth >= 0, np.zeros((len(MODES), len(MODES)), int)
    np.add.at(counts, (truth[known], modes[known].argmax(axis=1)), 1)
    return {mode: dict(zip(MODES, row.tolist(), strict=True)) for mode, row in zip(MODES, counts, strict=True)}


def streamed(model: ContextModel, world: World) -> dict[str, float]:
    """Accuracy in the last three weeks after so many plays, and at the end, of a stream that knows the weeks before."""
    heard, tracks = world.listening, model.tracks(world.sound)
    late = heard.started_at >= heard.started_at.max() - int(STREAMED.total_seconds()) * 1_000_000
    begun = np.maximum.reduceat(late, first_plays(heard.session))[np.cumsum(np.append(True, np.diff(heard.session) > 0)) - 1]
    personal = model.personal(heard.where(~begun), tracks)
    now = heard.where(begun)
    first = first_plays(now.session)
    place = np.arange(len(now)) - np.repeat(first, np.diff(np.append(first, len(now))))
    truth = world.truth[np.flatnonzero(begun[first_plays(heard.session)])]
    found = {}
    for name, plays in (("after_1", 1), ("after_2", 2), ("after_3", 3), ("after_5", 5)):
        said = model.facts(now.where(place < plays), tracks)
        modes = posterior(said, personal, model.tables, model.params, ended=False)
        found[name] = round(accuracy(modes.astype(np.float32), truth), 4)
    found["at_the_end"] = round(accuracy(model.judge(now, tracks, personal).modes, truth), 4)
    return found


def row(path: Path) -> dict[str, Any]:
    """Everything about one world."""
    params = TrainContexts()
    world = load(path, params)
    started = time.perf_counter()
    model = ContextModel.fit(world.listening, world.sound, params)
    fitted = time.perf_counter()
    judged = model.judge(world.listening, model.tracks(world.sound))
    seconds = time.perf_counter() - fitted
    known, silent = world.truth >= 0, Sound()
    likely = judged.modes[known].max(axis=1)
    right = judged.modes[known].argmax(axis=1) == world.truth[known]
    deaf = ContextModel.fit(world.listening, silent, params).judge(world.listening, silent)
    prior = ContextModel.fit(world.listening, world.sound, params.model_copy(update={"rounds": 0}))
    return {
        "world": path.parent.name, "listeners": world.listening.listeners, "sessions": len(world.truth),
        "matched": round(float(known.mean()), 4), "accuracy": round(accuracy(judged.modes, world.truth), 4),
        "hour_alone": round(hour_alone(world), 4),
        "without_sound": round(accuracy(deaf.modes, world.truth), 4),
        "prior_alone": round(accuracy(prior.judge(world.listening, world.sound).modes, world.truth), 4),
        "calibration_error": round(calibration_error(likely, right), 4),
        "foreign": foreign_found(judged, world.truth), "stream": streamed(model, world),
        "confusion": confusion(judged.modes, world.truth), "fit_s": round(fitted - started, 1),
        "judged_plays_per_s": int(len(world.listening) / seconds),
    }  # fmt: skip


def main() -> None:
    """Measure and write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("warehouses", nargs="+", type=Path, metavar="WAREHOUSE")
    arguments.add_argument("--dry", action="store_true", help="print, do not keep")
    given = arguments.parse_args()
    rows = [row(warehouse) | {"chosen_on": warehouse.parent.name in CHOSEN_ON} for warehouse in given.warehouses]
    points = {r["world"]: round(100 * (r["accuracy"] - r["hour_alone"]), 1) for r in rows}
    record.write("contexts", rows, {"points_above_hour_alone": points}, keep=not given.dry, simulated=True)


if __name__ == "__main__":
    main()
