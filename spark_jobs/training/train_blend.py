"""candidates, histories of last week; listens, feedback since -> artefact `blend`: how much each source's word counts.

Last week's lists were made from before its cut, and the listeners' picks came after it: the weights that make those picks
most likely (models/blend.py) have seen no list of this week. Little evidence is shrunk to the weights of the settings, which
are also the very first week's. generate_candidates adds the sources' lists up with them.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
import pyarrow.compute as pc

from conf.pipeline import cut
from conf.trainers import TrainBlend
from models.blend import learn
from models.sources.base import TopK
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.evaluation import panel
from spark_jobs.evaluation.panel import Panel
from spark_jobs.evaluation.week_after import look
from spark_jobs.serving import ranking_rows

log = logging.getLogger(__name__)
BLEND = "blend"


def train(
    *,
    candidates: Rows,
    histories: Rows,
    listens: Rows,
    tracks: Rows,
    users: Rows,
    feedback: Rows,
    params: TrainBlend,
    run: Run,
) -> Artefact:
    """Weights for the Monday `run.run_date`, taught by what at most `params.max_listeners` did since last week's cut."""
    monday = run.run_date - timedelta(days=7)
    people = panel.gather(histories, users, tracks, monday, params.max_listeners)
    lists = lists_of(people, candidates)
    week = look(people, listens, feedback, cut(monday), params.listen_rule)
    taught = int((week.relevant > 0).sum()) if lists else 0
    learned = learn(lists, week.row, week.track) if taught else {}
    weights = shrunk(learned, dict(params.first), taught, params.prior_listeners)
    log.info("job=train_blend listeners=%d %s", taught, " ".join(f"{name}={w:.3f}" for name, w in weights.items()))
    return Artefact({}, {"weights": weights}, {"listeners": float(taught)})


def lists_of(people: Panel, candidates: Rows) -> dict[str, TopK]:
    """Last week's lists of the panel by source; a listener whom a source had nothing for has an empty one."""
    where = people.theirs & (pc.field("source") != BLEND)
    found = candidates.table(columns=["user_id", "source", "track_idx", "score"], where=where).combine_chunks()
    # One length for all sources: a rank is worth what it is worth on a list of that length, and `fresh` never fills its own.
    asked = pc.max(pc.list_value_length(found["track_idx"])).as_py() or 1
    columns = {name: found[name].combine_chunks() for name in ("track_idx", "score")}
    place = people.rows_of(found["user_id"]).astype(np.int64)
    return ranking_rows.lists_of(place, found["source"], columns, len(people), asked)


def shrunk(learned: dict[str, float], first: dict[str, float], taught: int, prior_listeners: float) -> dict[str, float]:
    """Learned weights, drawn to `first` by as much evidence as `prior_listeners` would be.

    >>> shrunk({"mf": 1.0, "social": 0.0}, {"mf": 0.5, "gfcf": 0.5}, taught=100, prior_listeners=100)
    {'mf': 0.75, 'gfcf': 0.25, 'social': 0.0}
    """
    trust = taught / (taught + prior_listeners) if taught else 0.0
    names = dict.fromkeys([*first, *learned])
    return {name: trust * learned.get(name, 0.0) + (1 - trust) * first.get(name, 0.0) for name in names}
