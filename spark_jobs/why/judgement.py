"""ranked, ranker -> what the model made of one track: its rank before and after, its score, and the features that moved it.

The listener's rows of the matrix are assembled again by the functions that `rank` calls, so a track that was not kept has a
score too, and one that was has the score that is stored, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS
from conf.errors import ArtefactError
from conf.features.pair import COLUMNS, PAIR
from conf.pipeline import cut
from models.ranking.matrix import ANY, Pairs, for_context
from models.ranking.ranker import Ranker, best_first
from spark_jobs import artefacts
from spark_jobs.serving.orderer import Block, candidates
from spark_jobs.why import pair_words
from spark_jobs.why.evidence import Evidence
from spark_jobs.why.listener_row import listener_row, tracks_of

Row = dict[str, Any]
RANKER = "ranker"
# Features told, those that moved the score most.
MOST = 8
_BY_NAME = {feature.name: feature for feature in PAIR}


def judged(evidence: Evidence, number: int, context: str) -> Row | None:
    """What the week's order has of the track, and what the ranker says of it now; None for a week without a ranking."""
    order = evidence.orders.get(context)
    if order is None:
        return None
    found = stored(order, number) | gate(evidence) | {"drivers": [], "notes": []}
    try:
        trial = trial_of(evidence, context)
    except (ArtefactError, KeyError, ValueError) as missing:
        found["notes"].append(f"the ranker cannot be asked again: {missing}")
        trial = None
    if trial:
        found |= trial.say(number)
        found["notes"] += differing(found)
    return found | {"told": sentence(found)}


def stored(order: Row, number: int) -> Row:
    """What the week's order says of the track."""
    found: Row = {"model": order["model"], "of": len(order["track_idx"]), "rank": None, "rank_before": None, "score": None}
    if number not in order["track_idx"]:
        return found
    at = order["track_idx"].index(number)
    return found | {"rank": at + 1, "rank_before": order["blend_rank"][at] or None, "score": order["score"][at]}


def gate(evidence: Evidence) -> Row:
    """Whether the week's ranker may serve, and what the gate saw."""
    ref = evidence.artefact(RANKER)
    if ref is None:
        return {"serves": False, "gate": f"there is no ranker for {evidence.run_date}"}
    told = artefacts.manifest(ref)
    why, metrics = str(told["params"].get("why") or ""), told["metrics"]
    return {"serves": bool(told["params"].get("serves")), "gate": why or measured(metrics)}


def measured(metrics: Mapping[str, float]) -> str:
    """What the gate saw, in words; nothing where it measured nothing.

    >>> seen = {"gate_ranker_ndcg": 0.12, "gate_blend_ndcg": 0.1, "gate_gain": 0.02, "gate_low": 0.01, "gate_high": 0.03}
    >>> measured(seen | {"gate_listeners": 900.0}), measured({})
    ('gate: NDCG@30 0.1200 against 0.1000 of the blend, +0.0200 [+0.0100, +0.0300] over 900 listeners', '')
    """
    if "gate_low" not in metrics:
        return ""
    ranker, blend, gain, low, high, people = (
        metrics.get(f"gate_{name}", float("nan")) for name in ("ranker_ndcg", "blend_ndcg", "gain", "low", "high", "listeners")
    )
    span = f"{gain:+.4f} [{low:+.4f}, {high:+.4f}]"
    return f"gate: NDCG@30 {ranker:.4f} against {blend:.4f} of the blend, {span} over {people:.0f} listeners"


@dataclass(frozen=True)
class Trial:
    """A listener's candidates before the ranker, once more: `pairs` is the matrix."""

    ranker: Ranker
    pairs: Pairs

    def say(self, number: int) -> Row:
        """Score, rank and drivers of a track; nothing of one that is no candidate."""
        there = np.flatnonzero(self.pairs.track == number)
        if not len(there):
            return {}
        at, scores = int(there[0]), self.ranker.score(self.pairs.x)
        order = best_first(self.pairs.first, scores)
        effects = self.ranker.attribution.effects(self.pairs.x[at : at + 1])[0]
        return {
            "live_score": float(np.float32(scores[at])), "live_rank": int(np.flatnonzero(order == at)[0]) + 1,
            "candidates": len(order), "expected": self.ranker.attribution.expected,
            "drivers": drivers(self.pairs.x[at], effects),
        }  # fmt: skip


def trial_of(evidence: Evidence, context: str) -> Trial | None:
    """The listener's candidates before the week's ranker; None where there is no ranker, or no features to ask it with.

    Raises
    ------
    ArtefactError
        Where the ranker is damaged or was taught other columns.
    """
    ref = evidence.artefact(RANKER)
    if ref is None or "columns" not in artefacts.manifest(ref)["params"]:  # one that found nothing to learn from has no trees
        return None
    tracks = tracks_of(evidence)
    if tracks is None:
        return None
    ranker = Ranker.load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"])  # whether it may serve or not
    row = listener_row(evidence)
    block = Block.of(row, *candidates(row), ranker, tracks, cut(evidence.run_date))
    if context != CONTEXTS[ANY]:
        for_context(block.pairs, block.listeners, tracks, CONTEXTS.index(context))
    return Trial(ranker.of_context(CONTEXTS.index(context)), block.pairs)


def drivers(x: npt.NDArray[np.float32], effects: npt.NDArray[np.float64], most: int = MOST) -> list[Row]:
    """The features that moved a score most, either way, the strongest first.

    Parameters
    ----------
    x : float32 [COLUMNS], the track's row of the ranker's matrix. effects : float64 [COLUMNS], SHAP values.
    """
    order = np.argsort(-np.abs(effects), kind="stable")[:most]
    return [driver(COLUMNS[at], float(x[at]), float(effects[at])) for at in order if effects[at]]


def driver(name: str, value: float, effect: float) -> Row:
    """One feature: what it says, its value in words, and by how much it moved the score."""
    feature = _BY_NAME[name]
    return {
        "feature": name, "meaning": pair_words.meaning(feature), "value": None if value != value else value,
        "unit": feature.unit, "told": pair_words.value(feature, value), "effect": effect,
    }  # fmt: skip


def differing(found: Row) -> list[str]:
    """What the ranker says now that is not what it said then."""
    if found["model"] != RANKER or found["score"] is None or found["live_score"] == found["score"]:
        return []
    return [
        f"the stored score is {found['score']:.6f}, the ranker now gives {found['live_score']:.6f}: "
        "its inputs have changed since the week was ranked"
    ]


def sentence(found: Row) -> str:
    """Who judged, and where the track came out."""
    why = f" ({found['gate']})" if found["gate"] else ""
    if found["model"] != RANKER:
        return f"the blend serves{why}" + (
            f"; the ranker would give it rank {found['live_rank']}" if "live_rank" in found else ""
        )
    if found["rank"]:
        before = f"the blend had it at {found['rank_before']}" if found["rank_before"] else "the blend did not list it"
        return f"the ranker put it at {found['rank']} of {found['of']}, {before}; score {found['score']:.4f}{why}"
    if "live_score" in found:
        place = f"rank {found['live_rank']} of {found['candidates']}"
        return f"the ranker gives it {found['live_score']:.4f}, {place}: not among the {found['of']} that it keeps{why}"
    return f"the ranker was not asked: it is not among the listener's candidates{why}"
