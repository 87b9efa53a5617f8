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
    taught_by = {
        "any": (lessons, params.seeds),
        "context": ([each.others.weighed(look) for each in heard], params.context_seeds),
    }
    fits = {
        f"{kind}_{number}.txt": partial(fit, lesson, params, rounds, params.seed + number)
        for kind, (parts, seeds) in taught_by.items()
        if len(lesson := Lesson.together(parts))
        for number in range(seeds)
    }
    boosters = dict(zip(fits, side_by_side(list(fits.values()), params.threads), strict=True))
    own, others = ([boosters[name].dump_model() for name in boosters if name.startswith(kind)] for kind in taught_by)
    texts = {name: booster.model_to_string() for name, booster in boosters.items()}
    return Taught(Ranker.of(own, weights, params.depth, asked, others), texts, rounds, found)
