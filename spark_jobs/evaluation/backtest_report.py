"""folds -> what people see of a backtest: rows of `metrics`, a table, a plot and a page."""

from __future__ import annotations

import html
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from models.bootstrap import Interval, mean_intervals
from spark_jobs.evaluation.backtest import BLEND, RANKER, SEGMENTS, Fold, per_listener
from spark_jobs.evaluation.score_card import ScoreCard
from spark_jobs.page_style import page as document
from spark_jobs.page_style import table

SURFACE = "backtest"
JUDGED_BY = "ndcg@30"
PER_LISTENER = (JUDGED_BY, "recall@30", "ndcg@30_cold_tracks", "ndcg@30_cold_listeners", "popularity_lift")
# Segments are told of the ranker and of the blend that it has to beat there.
IN_SEGMENTS = tuple(f"{JUDGED_BY}_{segment}" for segment in SEGMENTS)
WHOLE = ("coverage", "cpu_s", "peak_mb")
# The five ways to build a recommender that are compared, and which model stands for each.
ARCHITECTURES = {
    "mf": "pure collaborative filtering",
    "content": "content-based",
    "sequence": "deep sequence only",
    "gfcf": "graph",
    BLEND: "hybrid blend",
    RANKER: "hybrid blend, reranked",
}
Row = dict[str, Any]


def rows(folds: list[Fold], card: ScoreCard) -> list[Row]:
    """Rows of `metrics`: every model and metric, and what blend and ranker add to what they have to beat."""
    models = list(dict.fromkeys(model for fold in folds for model, _ in fold.values))
    made = [row for metric in PER_LISTENER for row in _compared(folds, models, metric, card)]
    if RANKER in models:
        made += [row for metric in IN_SEGMENTS for row in _compared(folds, [BLEND, RANKER], metric, card)]
    people = len(per_listener(folds, BLEND, JUDGED_BY))
    for metric in WHOLE:
        for model in models:
            values = [fold.whole[model, metric] for fold in folds if (model, metric) in fold.whole]
            if values:
                made.append(card.whole(model, metric, float(np.mean(values)), people))
    return made


def _compared(folds: list[Fold], models: list[str], metric: str, card: ScoreCard) -> list[Row]:
    """One metric of all models over the same listeners, with intervals, and the blend's paired differences."""
    found = {model: per_listener(folds, model, metric) for model in models}
    people = sorted(set.intersection(*(set(values) for values in found.values()))) if found else []
    if not people:
        return []
    columns = {model: np.array([values[code] for code in people]) for model, values in found.items()}
    if metric == JUDGED_BY or metric in IN_SEGMENTS:
        columns |= {f"{one}_minus_{rival}": columns[one] - columns[rival] for one, rival in rivals(columns)}
    intervals = mean_intervals(np.stack(list(columns.values())), card.resamples, card.seed)
    return [card.measured(model, metric, interval, len(people)) for model, interval in zip(columns, intervals, strict=True)]


def rivals(columns: dict[str, Any]) -> list[tuple[str, str]]:
    """Who is compared with whom: the blend with the best source and popularity, the ranker with blend and that source."""
    best = best_single(columns)
    wanted = [(BLEND, best), (BLEND, "popularity"), (RANKER, BLEND), (RANKER, best)]
    return [(one, rival) for one, rival in dict.fromkeys(wanted) if one in columns and rival in columns and one != rival]


def best_single(columns: dict[str, Any]) -> str:
    """The source with the largest mean: the hardest rival, chosen with hindsight."""
    single = {model: float(np.mean(values)) for model, values in columns.items() if model not in (BLEND, RANKER)}
    return max(single, key=lambda model: single[model]) if single else BLEND


def summary(made: list[Row]) -> list[Row]:
    """One line per model, best first: architecture, ndcg with its interval, and the other metrics' means."""
    models: dict[str, dict[str, Row]] = {}
    for row in made:
        models.setdefault(row["model"], {})[row["metric"]] = row
    lines = []
    for model, metrics in models.items():
        if JUDGED_BY not in metrics or "_minus_" in model:
            continue
        first = metrics[JUDGED_BY]
        line: Row = {"model": model, "architecture": ARCHITECTURES.get(model, ""), JUDGED_BY: f"{first['value']:.4f}"}
        line["95 %"] = "" if first["low"] is None else f"{first['low']:.4f} {first['high']:.4f}"
        for name in (*PER_LISTENER[1:], *WHOLE):
            line[name] = _shown(name, metrics[name]["value"]) if name in metrics else ""
        lines.append(line)
    return sorted(lines, key=lambda line: -float(line[JUDGED_BY]))


def verdicts(made: list[Row]) -> list[str]:
    """What blend and ranker add, in words.

    >>> card = {"metric": "ndcg@30", "low": 0.1, "high": 0.3, "listeners": 9}
    >>> verdicts([card | {"model": "blend_minus_mf", "value": 0.2}, card | {"model": "mf", "value": 0.8}])
    ['blend over mf: +25.0 %, difference 0.2000 [0.1000, 0.3000]']
    """
    told = []
    for metric in (JUDGED_BY, *IN_SEGMENTS):
        value = {row["model"]: row for row in made if row["metric"] == metric}
        where = "" if metric == JUDGED_BY else f" for {metric.removeprefix(f'{JUDGED_BY}_')} listeners"
        for model, row in value.items():
            one, minus, rival = model.partition("_minus_")
            if minus and value[rival]["value"]:
                share, span = row["value"] / value[rival]["value"], _interval(row)
                told.append(f"{one} over {rival}{where}: {share:+.1%}, difference {row['value']:.4f} {span}".replace("%", " %"))
    return told


def _interval(row: Row) -> str:
    found = Interval(row["value"], row["low"], row["high"])
    return "[no interval]" if found.low is None else f"[{found.low:.4f}, {found.high:.4f}]"


def _shown(metric: str, value: float) -> str:
    if metric == "coverage":
        return f"{value:.1%}".replace("%", " %")
    return (
        f"{value:,.0f}" if metric == "peak_mb" else f"{value:.2f}" if metric in ("cpu_s", "popularity_lift") else f"{value:.4f}"
    )


def draw(made: list[Row], title: str) -> bytes:
    """PNG: NDCG of each model with its interval, best on top."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    lines = [row for row in made if row["metric"] == JUDGED_BY and "_minus_" not in row["model"]]
    lines.sort(key=lambda row: row["value"])
    figure, axis = plt.subplots(figsize=(9, 1.2 + 0.42 * len(lines)), layout="constrained")
    for place, row in enumerate(lines):
        colour = "#b5432a" if row["model"] in (BLEND, RANKER) else "#3b6ea5" if row["model"] in ARCHITECTURES else "#9aa5b1"
        low, high = (row["value"] if end is None else end for end in (row["low"], row["high"]))
        axis.barh(place, row["value"], color=colour, height=0.65)
        axis.plot([low, high], [place, place], color="#222222", linewidth=1.5, solid_capstyle="butt")
        axis.text(high, place, f"  {row['value']:.4f}", va="center", fontsize=9)
    names = [
        f"{row['model']}  ({ARCHITECTURES[row['model']]})" if row["model"] in ARCHITECTURES else row["model"] for row in lines
    ]
    axis.set_yticks(range(len(lines)), names)
    axis.set_xlabel("NDCG@30 of next week's discoveries (mean over listeners, 95 % interval)")
    axis.set_title(title, loc="left", fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.12)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=140, format="png", metadata={"Software": None})
    plt.close(figure)
    return drawn.getvalue()


def page(made: list[Row], title: str, notes: list[str], picture: bytes) -> str:
    """A page that stands alone: the plot, the verdicts, the table."""
    lines = summary(made)
    names = [name.replace("_", " ") for name in (lines[0] if lines else {})]
    told = "".join(f"<li>{html.escape(note)}</li>" for note in (*verdicts(made), *notes))
    image = f"<img alt='NDCG@30 of every model' src='data:image/png;base64,{b64encode(picture).decode()}'>"
    grid = table(names, (list(line.values()) for line in lines), texts=2)
    return document(title, f"{image}<ul>{told}</ul>{grid}")


def write(folder: Path, made: list[Row], title: str, notes: list[str]) -> list[Path]:
    """Write backtest.png and backtest.html below `folder`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = draw(made, title)
    image, text = folder / "backtest.png", folder / "backtest.html"
    image.write_bytes(picture)
    text.write_text(page(made, title, notes, picture))
    return [image, text]
