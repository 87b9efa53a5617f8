"""candidates, features of past weeks; listens, feedback since -> artefact `ranker`: what makes a pick, and its gate.

Leak-free by construction: a past week's candidates and features were made from before its cut, by sources that saw nothing
after it, and the labels are what listeners did in the seven days from that cut on. The same assembling function makes the
matrix here and in `rank` (models/ranking/matrix.py). The models learn from all past weeks there are, once models that
learned from the older ones alone have been judged on the newest (models/ranking/gate.py): where they do not beat the blend
beyond chance, the artefact says that it must not serve, and `rank` lets the blend do so.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

import numpy as np

from conf.ranking import TrainRanker
from models.blend import learn
from models.bootstrap import Interval
from models.ranking.gate import Verdict
from models.ranking.training import Taught, teach
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training.past_weeks import PastWeek, open_week, weeks_of

log = logging.getLogger(__name__)
NO_WEEK = "there is no past week with candidates, features and picks to learn from"


def train(
    *,
    candidates: Rows,
    histories: Rows,
    listener_features: Rows,
    listener_contexts: Rows,
    track_features: Rows,
    artist_features: Rows,
    session_modes: Rows,
    track_audio: Rows,
    listens: Rows,
    tracks: Rows,
    users: Rows,
    feedback: Rows,
    exposures: Rows,
    publications: Rows,
    params: TrainRanker,
    run: Run,
) -> Artefact:
    """Ranker for the Monday `run.run_date`."""
    tables = {
        "candidates": candidates, "histories": histories, "listener_features": listener_features,
        "listener_contexts": listener_contexts, "track_features": track_features, "artist_features": artist_features,
        "session_modes": session_modes, "track_audio": track_audio, "listens": listens, "tracks": tracks, "users": users,
        "feedback": feedback, "exposures": exposures, "publications": publications,
    }  # fmt: skip
    weeks = [open_week(monday, tables, run.cut, params) for monday in weeks_of(tables)]
    return made_of([week for week in weeks if week.picked], params, run)


def made_of(weeks: list[PastWeek], params: TrainRanker, run: Run) -> Artefact:
    """Artefact of what the weeks, oldest first, teach; one that does not serve where there are none."""
    if not weeks:
        run.warn(f"the blend serves: {NO_WEEK}")
        return Artefact({}, {"serves": False, "why": NO_WEEK})
    taught = teach(weeks, weights_of(weeks), max(week.asked for week in weeks), params)
    verdict = taught.verdict
    if not verdict.opens:
        run.warn(f"the blend serves: the ranker's gate is closed, {verdict}")
    log.info("job=train_ranker weeks=%d rounds=%d serves=%s %s", len(weeks), taught.rounds, verdict.opens, verdict)
    return artefact_of(taught, [week.monday for week in weeks])


def artefact_of(taught: Taught, mondays: list[date]) -> Artefact:
    """The ranker as files."""
    arrays, told = taught.ranker.save()
    verdict = taught.verdict
    serving = {"serves": verdict.opens, "why": "" if verdict.opens else f"its gate is closed: {verdict}"}
    params = told | serving | {"rounds": taught.rounds, "weeks": [monday.isoformat() for monday in mondays]}
    return Artefact(arrays, params, metrics_of(verdict), taught.texts)


def metrics_of(verdict: Verdict) -> dict[str, float]:
    """What the gate saw, as numbers; nan is left out, as JSON knows none."""
    gain: Interval = verdict.gain
    told: dict[str, Any] = {
        "gate_ranker_ndcg": verdict.ranker, "gate_blend_ndcg": verdict.blend, "gate_gain": gain.value, "gate_low": gain.low,
        "gate_high": gain.high, "gate_listeners": verdict.listeners,
    }  # fmt: skip
    return {name: float(value) for name, value in told.items() if value is not None and np.isfinite(value)}


def weights_of(weeks: list[PastWeek]) -> dict[str, float]:
    """Weights of the sources' blend that the picks of all weeks make most likely, each week counting the same."""
    learned = [learn(week.lists(week.asked), week.row, week.track) for week in weeks]
    names = sorted({name for weights in learned for name in weights})
    return {name: float(np.mean([weights.get(name, 0.0) for weights in learned])) for name in names}
