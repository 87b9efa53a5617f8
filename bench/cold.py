"""Cold tracks: the source `content` against itself with shuffled vectors or without texts, the artist's mean, and factors.

Each warehouse holds one simulated world after intake (`plant simulate demo --seed N`, `plant run` of both intakes). At four
weekly cuts every contender is trained on what was known and ranks the tracks that fewer than five listeners completed;
NDCG@30 counts the cold tracks that a listener discovered in the seven days after, with 95 % intervals over listeners.

    python bench/cold.py WAREHOUSE [WAREHOUSE ...]   -> bench/results/cold.json
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import record

from conf.settings import Settings
from models.bootstrap import mean_intervals
from models.sources.base import Catalogue
from models.sources.content import Content
from models.sources.mf import MatrixFactorization
from spark_jobs.evaluation.backtest import Fold, K, cold_tracks, heard, judge_lists, per_listener
from spark_jobs.evaluation.backtest_input import load
from spark_jobs.evaluation.replay import Cut

WEEKS, LISTENERS, SEED = 4, 20_000, 7
METRIC = f"ndcg@{K}_cold_tracks"


def contenders(cut: Cut, catalogue: Catalogue, settings: Settings) -> Iterator[tuple[str, Any]]:
    """(name, source that proposes cold tracks alone) of everything compared."""
    log = cut.block.log
    content = Content.fit(log, catalogue, settings.train_content)
    wordless = replace(catalogue, text=pa.array([""] * len(catalogue)))
    yield "content", content
    order = np.random.default_rng(SEED).permutation(len(catalogue))
    yield "shuffled", Content.of(content.vectors[order], content.proposed, catalogue, content.params)
    yield "without_text", Content.fit(log, wordless, settings.train_content)
    yield "artist_mean", Content.fit(log, wordless, settings.train_content.model_copy(update={"own_prior": None}))
    yield "mf", MatrixFactorization.fit(log, catalogue, settings.train_mf)


def judged(warehouse: Path) -> list[Fold]:
    """One fold per cut."""
    settings = Settings(warehouse=warehouse)
    given, folds = load(settings, WEEKS - 1, LISTENERS), []
    for cut in given.past:
        whole = given.catalogue_of(cut)
        catalogue = replace(whole, allowed=whole.allowed & cold_tracks(cut.block, len(whole)))
        fold = Fold(cut, cut.code[cut.relevant > 0])
        for name, source in contenders(cut, catalogue, settings):
            lists = source.recommend(cut.block, K, heard(cut.block), threads=1).ids
            judge_lists(fold, name, lists, lists, len(catalogue))
        folds.append(fold)
    return folds


def row(warehouse: Path) -> dict[str, Any]:
    """Mean and interval of each contender, in the order of `contenders`."""
    folds = judged(warehouse)
    names = list(dict.fromkeys(name for name, _ in folds[0].values))
    values = [per_listener(folds, name, METRIC) for name in names]
    people = sorted(values[0])
    columns = {name: np.array([found[who] for who in people]) for name, found in zip(names, values, strict=True)}
    columns["content_minus_artist_mean"] = columns["content"] - columns["artist_mean"]
    intervals = mean_intervals(np.stack(list(columns.values())), 1000, SEED)
    told = {name: [round(x or 0.0, 4) for x in (i.value, i.low, i.high)] for name, i in zip(columns, intervals, strict=True)}
    return {"world": warehouse.parent.name, "cuts": len(folds), "listeners": len(people), METRIC: told}


def main() -> None:
    """Measure and write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("warehouses", nargs="+", type=Path, metavar="WAREHOUSE")
    rows = [row(warehouse) for warehouse in arguments.parse_args().warehouses]
    mean = {name: float(np.mean([r[METRIC][name][0] for r in rows])) for name in rows[0][METRIC]}
    ratios = {name: round(mean["content"] / mean[name], 2) for name in mean if not name.startswith("content")}
    record.write("cold", rows, ratios, simulated=True)


if __name__ == "__main__":
    main()
