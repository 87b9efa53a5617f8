"""past weeks -> a ranker and its verdict: one pass over each week, one judgement, then the models that serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from conf.ranking import TrainRanker
from models.ranking.boosters import fit, side_by_side
from models.ranking.exposure import Shown, looks
from models.ranking.gate import Verdict, judged
from models.ranking.lessons import OTHERS, Lesson, School, Week
from models.ranking.ranker import Ranker


@dataclass(frozen=True)
class Taught:
    """A trained ranker, its models' own texts by file name, the rounds of each, and the gate's verdict."""

    ranker: Ranker
    texts: dict[str, str]
    rounds: int
    verdict: Verdict


def teach(weeks: Sequence[Week], weights: Mapping[str, float], asked: int, params: TrainRanker) -> Taught:
    """A ranker of all `weeks`, oldest first, and the verdict of the newest on models that had not seen it."""
    school, contexts = School(weights, asked, params), OTHERS if params.context_seeds else ()
    newest = len(weeks) - 1
    heard = [school.material(week, contexts, params.judged if at == newest else 0) for at, week in enumerate(weeks)]
    if not len(heard[-1].exam):
        raise ValueError("an exam needs a listener who discovered something")
    look = looks(Shown.together([each.shown for each in heard]), max(each.places for each in heard))
    lessons = [each.any.weighed(look) for each in heard]
    found, rounds = judged(lessons, heard[-1].exam, params)
    together = Lesson.together(lessons), Lesson.together([each.others.weighed(look) for each in heard])
    boosters = side_by_side(
        [
            partial(fit, lesson, params, rounds, params.seed + number)
            for lesson, seeds in zip(together, (params.seeds, params.context_seeds), strict=True)
            for number in range(seeds if len(lesson) else 0)
        ],
        params.threads,
    )
    own = params.seeds if len(together[0]) else 0
    told = [booster.dump_model() for booster in boosters]
    names = [f"any_{number}.txt" for number in range(own)] + [f"context_{number}.txt" for number in range(len(boosters) - own)]
    texts = {name: booster.model_to_string() for name, booster in zip(names, boosters, strict=True)}
    return Taught(Ranker.of(told[:own], weights, params.depth, asked, told[own:]), texts, rounds, found)
