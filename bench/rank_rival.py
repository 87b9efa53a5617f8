"""The ranker's matrix by joins: a row per candidate, one join a table, a grouping for what is known of listener and artist."""

from __future__ import annotations

import time
from typing import Any

import city
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from conf import tables as t
from conf.features.pair import ARTIST_NUMBERS, COLUMNS, LISTENER_NUMBERS, SOURCES, TRACK_NUMBERS


def tables(place: city.City, rows: pa.RecordBatch) -> dict[str, pd.DataFrame]:
    """Frames of some listeners and of the whole catalogue, in memory before the clock starts."""
    people = rows.column("user_id").to_pylist()
    lists = [
        {"user_id": user, "source": entry["source"], "track_idx": entry["track_idx"], "score": entry["score"]}
        for user, entries in zip(people, rows.column("lists").to_pylist(), strict=True)
        for entry in entries
        if entry["source"] != "blend"
    ]
    heard = pa.table({name: rows.column(name) for name in ("user_id", "track_idx", "plays", "completions", "skips", "weight")})
    tracks = place.warehouse.rows(t.TRACKS).table(columns=["track_idx", "artist_ids"]).to_pandas()
    tracks["artist_id"] = [ids[0] if ids is not None and len(ids) else None for ids in tracks.pop("artist_ids")]
    return {
        "lists": pd.DataFrame(lists),
        "heard": heard.to_pandas(),
        "tracks": tracks,
        "track": place.warehouse.rows(t.TRACK_FEATURES).table(columns=["track_idx", *TRACK_NUMBERS, "meaning"]).to_pandas(),
        "artist": place.warehouse.rows(t.ARTIST_FEATURES).table(columns=["artist_id", *ARTIST_NUMBERS]).to_pandas(),
        "listener": pa.table({n: rows.column(n) for n in ("user_id", *LISTENER_NUMBERS, "embedding")}).to_pandas(),
    }


def matrix(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per listener and candidate."""
    lists = frames["lists"].explode(["track_idx", "score"])
    lists["rank"] = lists.groupby(["user_id", "source"]).cumcount()
    score = lists["score"].astype("float32")
    grouped = score.groupby([lists["user_id"], lists["source"]])
    lists["worth"] = (score - grouped.transform("min")) / grouped.transform("std")
    wide = lists.pivot_table(index=["user_id", "track_idx"], columns="source", values=["rank", "worth"], aggfunc="first")
    wide.columns = [f"{what}_{source}" for what, source in wide.columns]
    wide = wide.reset_index().merge(frames["tracks"], on="track_idx", how="left")
    for source in SOURCES:
        if f"rank_{source}" in wide:
            wide[f"missing_{source}"] = wide[f"rank_{source}"].isna()
    heard = frames["heard"].explode(["track_idx", "plays", "completions", "skips", "weight"])
    known = heard.merge(frames["tracks"], on="track_idx").groupby(["user_id", "artist_id"], as_index=False)
    affinity = known.agg({"plays": "sum", "completions": "sum", "skips": "sum", "weight": "sum", "track_idx": "count"})
    affinity.columns = ["user_id", "artist_id", "a_plays", "a_completions", "a_skips", "a_weight", "a_known"]
    wide = wide.merge(affinity, on=["user_id", "artist_id"], how="left")
    wide = wide.merge(frames["listener"], on="user_id", how="left", suffixes=("", "_own"))
    wide = wide.merge(frames["track"], on="track_idx", how="left", suffixes=("", "_track"))
    wide = wide.merge(frames["artist"], on="artist_id", how="left", suffixes=("", "_artist"))
    meaning, taste = (np.stack(wide.pop(name).to_numpy()) for name in ("meaning", "embedding"))
    wide["meaning_cosine"] = (meaning * taste[:, -meaning.shape[1] :]).sum(axis=1)
    for by in ("meaning_cosine", "popularity"):
        wide[f"{by}_place"] = wide.groupby("user_id")[by].rank(pct=True)
    return wide


def measured(place: city.City, rows: pa.RecordBatch, boosters: list[Any]) -> dict[str, float]:
    """CPU microseconds a row, how many columns came out of it, and that the boosters take them."""
    frames = tables(place, rows)
    begin = time.process_time()
    wide = matrix(frames)
    seconds = time.process_time() - begin
    numbers = wide.drop(columns=["user_id", "track_idx", "artist_id"]).astype("float32")
    x: NDArray[np.float32] = np.zeros((len(wide), len(COLUMNS)), np.float32)
    x[:, : numbers.shape[1]] = numbers.to_numpy()[:, : len(COLUMNS)]
    assert np.isfinite(boosters[0].predict(x[:10])).all()
    return {"joins_us": 1e6 * seconds / len(wide), "joins_rows": len(wide), "joins_columns": numbers.shape[1]}
