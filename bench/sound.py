"""Tracks that nobody has played, by artists that the network never heard: whom does their sound reach?

A warehouse holds one simulated world after intake and `build_histories`, its landing folder the files (`plant simulate demo
--seed N --audio 3000`). A fifth of the artists is kept back: their plays are taken out of every history, so neither taste
factors nor network know of them. The network learns from the others and hears the tracks kept back; each listener's taste
then ranks those. Recall@50: share of the kept-back tracks that a listener really played among the 50 ranked first, mean
over listeners with at least five of them; beside it the same with sounds and tracks shuffled, random, and what a ridge from
embedding to factors (how the source `content` uses it) gives.

    python bench/sound.py WAREHOUSE LANDING [...]   -> bench/results/sound.json
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import record

from audio.cnn.batches import Catalogue
from audio.cnn.embedding import Embedder
from audio.cnn.graph import network_graph
from audio.cnn.patches import dequantised
from audio.cnn.training import train
from conf import tables as t
from conf.ears import TrainAudio
from conf.trainers import TrainContent
from models.histories import Histories
from models.inputs import input_matrix
from models.sources.content import centred, translated
from models.sources.taste_factors import taste_factors
from models.sources.text_vectors import joined, text_vectors
from spark_jobs.training.audio_lessons import companions, lessons, listened
from spark_jobs.training.listener_sample import sample
from spark_jobs.training.side_information import written
from spark_jobs.warehouse import Warehouse

DEPTH, FEWEST, KEPT_BACK, SEED = 50, 5, 0.2, 7


def judged(warehouse: Path, landing: Path, params: TrainAudio) -> dict[str, Any]:
    """Recall of the tracks kept back, by every way to place them."""
    tables = Warehouse(warehouse)
    newest = max(tables.rows(t.HISTORIES).table(columns=["run_date"])["run_date"].to_pylist())
    log: Histories = sample(tables.rows(t.HISTORIES, conditions=[("run_date", "=", newest)]), params.max_listeners)
    tracks = tables.rows(t.TRACKS)
    known = lessons(tracks, log, params)
    rows, patches, readings = listened(landing / "audio", known.path, params)
    known = known.of(rows)
    rng = np.random.default_rng(SEED)
    artists = np.unique(known.artist)
    hidden = np.isin(known.artist, rng.permutation(artists)[: int(KEPT_BACK * len(artists))])
    plays, idx = _plays(tracks, log, known.path)
    heard = plays[:, idx[hidden]].toarray() > 0
    # Whatever the artists kept back have in the catalogue leaves the histories, tracks without a file too.
    without = plays.multiply(~np.isin(np.arange(plays.shape[1]), _of_artists(tracks, known, hidden))).tocsr()
    factors = taste_factors(without, params.taste_dimensions, params.seed).astype(np.float32)
    shown = np.flatnonzero(~hidden)
    lesson = replace(known.of(shown), factors=factors[idx[shown]], pairs=companions(without, idx[shown]))
    catalogue = Catalogue.of(
        patches[shown], lesson.artist, lesson.factors, tags=lesson.genres, readings=readings[shown], pairs=lesson.pairs
    )
    ear = Embedder(network_graph(train(catalogue, params).weights))
    found = [ear.embed(dequantised(clip)) for clip in patches]
    embeddings = np.stack([each.embedding for each in found])
    predicted = np.stack([each.factors for each in found])[hidden]
    asked = heard.sum(axis=1) >= FEWEST
    shuffled = rng.permutation(int(hidden.sum()))
    ways = {"network": (factors, predicted), "network_shuffled": (factors, predicted[shuffled])}
    sound = np.zeros((plays.shape[1], embeddings.shape[1]), np.float32)
    sound[idx] = embeddings
    ways |= {name: (taste, vectors[idx[hidden]]) for name, taste, vectors in content_ways(tables, without, sound)}
    told = {
        name: round(recall(_listeners(without, taste)[asked] @ vectors.T, heard[asked]), 4)
        for name, (taste, vectors) in ways.items()
    }
    told["random"] = round(DEPTH / int(hidden.sum()), 4)
    counts = {"trained": len(shown), "kept_back": int(hidden.sum()), "listeners": int(asked.sum())}
    return {"world": warehouse.parent.name, **counts, "recall@50": told}


def content_ways(tables: Warehouse, plays: Any, sound: np.ndarray) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(name, taste factors, what `content` makes of all tracks before artists and own listeners come in)."""
    params = TrainContent()
    words = written(tables.rows(t.TRACKS), tables.rows(t.ARTISTS), tables.rows(t.TAGS), date(2100, 1, 1)).text
    text = (text_vectors(words, params.text_dimensions, params.seed), 1.0)
    heard = (centred(sound), params.sound_weight)
    taste = taste_factors(plays, params.dimensions, params.seed)
    known = np.bincount(plays.indices, minlength=plays.shape[1]) > 0
    features = {"content_words": [text], "content_sound": [heard], "content_words_and_sound": [text, heard]}
    return [(name, taste, translated(joined(blocks), taste, known, params.ridge)) for name, blocks in features.items()]


def _listeners(plays: Any, factors: np.ndarray) -> np.ndarray:
    taste = plays @ factors
    return taste / np.maximum(np.linalg.norm(taste, axis=1, keepdims=True), 1e-12)


def recall(scores: np.ndarray, heard: np.ndarray) -> float:
    """Mean share of each row's heard tracks among its DEPTH best."""
    best = np.argsort(-scores, axis=1)[:, :DEPTH]
    return float((np.take_along_axis(heard, best, axis=1).sum(axis=1) / heard.sum(axis=1)).mean())


def _plays(tracks: Any, log: Histories, paths: list[str]) -> tuple[Any, np.ndarray]:
    rows = tracks.table(columns=["track_idx", "audio"])
    size = int(rows["track_idx"].to_numpy().max()) + 1
    place = dict(zip(rows["audio"].to_pylist(), rows["track_idx"].to_pylist(), strict=True))
    return input_matrix(log, size, "binary"), np.array([place[path] for path in paths])


def _of_artists(tracks: Any, known: Any, hidden: np.ndarray) -> list[int]:
    rows = tracks.table(columns=["track_idx", "audio", "artist_ids"]).to_pylist()
    kept = set(np.array(known.path)[hidden])
    artists = {row["artist_ids"][0] for row in rows if row["audio"] in kept}
    return [row["track_idx"] for row in rows if set(row["artist_ids"]) & artists]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="WAREHOUSE LANDING")
    folders = parser.parse_args().folders
    rows = [judged(warehouse, landing, TrainAudio()) for warehouse, landing in zip(folders[::2], folders[1::2], strict=True)]
    mean = {name: float(np.mean([row["recall@50"][name] for row in rows])) for name in rows[0]["recall@50"]}
    ratios = {f"network_over_{name}": round(mean["network"] / mean[name], 2) for name in ("random", "network_shuffled")}
    ratios["sound_beside_words"] = round(mean["content_words_and_sound"] / mean["content_words"], 3)
    record.write("sound", rows, ratios, simulated=True)


if __name__ == "__main__":
    main()
