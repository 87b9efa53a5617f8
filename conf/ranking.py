"""Settings of the ranker."""

from __future__ import annotations

from pydantic import Field

from conf.values import Frozen, ListenRule, Share

# What a listener did with a candidate in the week after: grades of the labels, in order.
GRADES = ("skipped", "unmet", "completed", "repeated", "saved")


class TrainRanker(Frozen):
    """past weeks' candidates and features, and what was picked since -> artefact `ranker`: LambdaRank and its gate.

    `depth`: of a listener's candidates so many are ranked, best of the blend first, in training and in serving.
    `max_listeners` of each past week teach; of their candidates all that were met and `negatives` others. `judged`: listeners
    of the newest past week whose whole candidates say when to stop and open the gate. `gains`: of each of GRADES.
    `seeds`: models whose scores are averaged. `rounds` of at most `leaves` leaves and `max_depth` splits down each; every
    `step` rounds it is looked whether to stop. `column_share`, `row_share`: drawn for each tree.
    `context_seeds`: models for contexts, 0: none of their own; `context_share`: a listener plays a context at least so much for
    their picks in it to teach. `threads`: of each model, which are made side by side; the bytes do not depend on them.
    """

    depth: int = Field(500, ge=30, le=5_000)
    max_listeners: int = Field(8_000, ge=1)
    negatives: int = Field(60, ge=1)
    judged: int = Field(2_000, ge=2)
    gains: tuple[float, float, float, float, float] = (0.0, 0.0, 1.0, 1.0, 1.0)
    seeds: int = Field(3, ge=1, le=20)
    rounds: int = Field(200, ge=1)
    step: int = Field(20, ge=1)
    leaves: int = Field(15, ge=2, le=64)
    max_depth: int = Field(8, ge=1, le=10)
    learning_rate: float = Field(0.05, gt=0)
    min_in_leaf: int = Field(200, ge=1)
    bins: int = Field(63, ge=2, le=65_535)
    column_share: Share = 0.5
    row_share: Share = 0.7
    context_seeds: int = Field(1, ge=0, le=20)
    context_share: Share = 0.1
    threads: int = Field(1, ge=1)
    bootstrap: int = Field(1_000, ge=1)
    listen_rule: ListenRule = ListenRule()
    gap_minutes: float = Field(30.0, gt=0)
    seed: int = 7


class Rank(Frozen):
    """candidates, features -> ranked.

    `kept` tracks of each order go on. `explained`: the first of the kept that get their three drivers. `context_share`:
    contexts that a listener plays at least this much get an order too.
    """

    kept: int = Field(200, ge=30, le=1_000)
    explained: int = Field(40, ge=0, le=200)
    context_share: Share = 0.1
    block: int = Field(256, ge=1)
