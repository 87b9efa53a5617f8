"""The ranker's matrix by joins (bench/rank_joins.py) on a city's tables: what it costs, and whether it is the same matrix."""

from __future__ import annotations

import time
from typing import Any

import city
import numpy as np
import pandas as pd
import pyarrow as pa
from rank_joins import PAIR, Tables, matrix

from conf import tables as t
from conf.audio import READINGS
from conf.features.pair import ARTIST_NUMBERS, COLUMNS, LISTENER_NUMBERS, TRACK_NUMBERS
from models.ranking.matrix import Pairs

Frame = pd.DataFrame
# A cell agrees within this much, absolutely or relative to it: both sum in float32 and float64 at different places.
NEAR_ENOUGH = 2e-3


def tables(place: city.City, rows: pa.RecordBatch) -> Tables:
    """What the line's tables say."""

    def read(table: Any, columns: list[str]) -> Frame:
        return place.warehouse.rows(table).table(columns=columns).to_pandas()

    people = rows.column("user_id").to_pylist()

    def nested(name: str, columns: list[str]) -> Frame:
        told = rows.column(name).to_pylist()
        flat = [
            {"user_id": user} | {column: entry[column] for column in columns}
            for user, entries in zip(people, told, strict=True)
            for entry in entries or []
        ]
        return Frame(flat, columns=["user_id", *columns])

    lists = nested("lists", ["source", "track_idx", "score"])
    heard = ["user_id", "track_idx", "plays", "completions", "skips", "last_day", "weight"]
    tracks = read(t.TRACKS, ["track_idx", "track_id", "artist_ids", "genres"])
    tracks["artist_id"] = [ids[0] if ids is not None and len(ids) else None for ids in tracks.pop("artist_ids")]
    names = list(dict.fromkeys([*TRACK_NUMBERS, "first_plays_28d", "plays_28d", "plays_90d"]))
    track = read(t.TRACK_FEATURES, ["track_idx", *names, "track_context_shares", "taste", "meaning", "plays_by_country"])
    by_country = (
        track[["track_idx"]].assign(pair=[list(pairs) for pairs in track.pop("plays_by_country")]).explode("pair").dropna()
    )
    countries = Frame(by_country.pop("pair").tolist(), columns=["country", "country_plays"], index=by_country.index)
    audio = read(t.TRACK_AUDIO, ["track_id", *READINGS, "embedding"])
    return Tables(
        lists[lists["source"] != "blend"], pa.table({name: rows.column(name) for name in heard}).to_pandas(),
        tracks[["track_idx", "artist_id"]], tracks[["track_idx", "genres"]], track, pd.concat([by_country, countries], axis=1),
        read(t.ARTIST_FEATURES, ["artist_id", *ARTIST_NUMBERS]),
        audio.merge(tracks[["track_id", "track_idx"]], on="track_id").drop(columns="track_id"),
        pa.table({name: rows.column(name) for name in ("user_id", "country", *LISTENER_NUMBERS, "embedding")}).to_pandas(),
        nested("contexts", ["context", "share", "context_embedding"]),
    )  # fmt: skip


def measured(
    place: city.City, rows: pa.RecordBatch, ours: Pairs, weights: dict[str, float], depth: int, asked: int
) -> dict[str, Any]:
    """CPU microseconds a row, and in how many of the rows and cells that both have they agree."""
    given = tables(place, rows)
    begin = time.process_time()
    wide = matrix(given, weights, depth, asked)
    seconds = time.process_time() - begin
    theirs = wide.set_index(PAIR)[list(COLUMNS)].astype("float64")
    people = np.array(rows.column("user_id").to_pylist())
    mine = Frame(ours.x.astype(np.float64), columns=list(COLUMNS), index=[people[ours.listener], ours.track.astype("int64")])
    both = theirs.index.intersection(mine.index)
    a, b = theirs.loc[both].to_numpy(), mine.loc[both].to_numpy()
    same = (np.abs(a - b) <= NEAR_ENOUGH * np.maximum(1.0, np.abs(b))) | (np.isnan(a) & np.isnan(b))
    differing = {name: float(share) for name, share in zip(COLUMNS, 1 - same.mean(axis=0), strict=True) if share > 1e-3}
    return {
        "joins_us": 1e6 * seconds / len(wide), "joins_rows": len(wide), "joins_same_rows": len(both) / len(mine),
        "joins_same_cells": float(same.mean()), "joins_differing": differing,
    }  # fmt: skip
