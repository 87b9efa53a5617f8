"""Contracts of the feature store and of what the ranker makes of it; the columns are the catalogue's (conf/features)."""

from __future__ import annotations

from conf.contract import Column, Table
from conf.contracts.shared import RUN_DATE, SIMULATED
from conf.features import item, listener
from conf.features.feature import Feature

_USER = Column("user_id", "string", "listener", nullable=False)
_BUCKET = Column(
    "bucket", "int", "crc32(user_id) modulo the number of buckets: a slice that can be rebuilt alone", nullable=False
)


def _columns(features: tuple[Feature, ...]) -> tuple[Column, ...]:
    return tuple(feature.column for feature in features)


LISTENER_FEATURES = Table(
    "listener_features",
    "what is known of each listener with a history, as of the cut",
    engine="delta-rs",
    key=("run_date", "user_id"),
    partition=("run_date",),
    keep_days=90,
    scope="week",
    columns=(RUN_DATE, _BUCKET, _USER, *_columns(listener.LISTENER), SIMULATED),
)
LISTENER_CONTEXTS = Table(
    "listener_contexts",
    "what a listener plays in each context that they have sessions of",
    engine="delta-rs",
    key=("run_date", "user_id", "context"),
    partition=("run_date",),
    keep_days=90,
    scope="week",
    columns=(
        RUN_DATE, _BUCKET, _USER,
        Column("context", "string", "commute, focus, wind_down, party or any", nullable=False),
        *_columns(listener.LISTENER_CONTEXT), SIMULATED,
    ),
)  # fmt: skip
SESSION_MODES = Table(
    "session_modes",
    "what each session of the seven days before the cut was for",
    engine="delta-rs",
    key=("run_date", "user_id", "started_at"),
    partition=("run_date",),
    keep_days=90,
    scope="week",
    columns=(
        RUN_DATE, _BUCKET, _USER,
        Column("started_at", "timestamp", "start of the first play, UTC", nullable=False),
        Column("plays", "int", "plays in it", nullable=False),
        Column("context", "string", "the most probable context", nullable=False),
        Column("mode", "string", "the most probable mode: a context's, or child or sleep", nullable=False),
        *_columns(listener.SESSION), SIMULATED,
    ),
)  # fmt: skip
TRACK_FEATURES = Table(
    "track_features",
    "what is known of each track, as of the cut",
    engine="delta-rs",
    key=("run_date", "track_idx"),
    partition=("run_date",),
    keep_days=90,
    scope="week",
    columns=(
        RUN_DATE,
        Column("track_idx", "int", "dense internal number", nullable=False),
        Column("track_id", "string", "track", nullable=False),
        *_columns(item.TRACK), SIMULATED,
    ),
)  # fmt: skip
ARTIST_FEATURES = Table(
    "artist_features",
    "what is known of each artist, as of the cut; a track counts for its main artist",
    engine="delta-rs",
    key=("run_date", "artist_id"),
    partition=("run_date",),
    keep_days=90,
    scope="week",
    columns=(
        RUN_DATE,
        Column("artist_id", "string", "artist", nullable=False),
        *_columns(item.ARTIST), SIMULATED,
    ),
)  # fmt: skip
RANKED = Table(
    "ranked",
    "candidates in the order that lists are made from: by the ranker, or by the blend where the ranker may not serve",
    engine="delta-rs",
    key=("run_date", "user_id", "context"),
    partition=("run_date",),
    keep_days=28,
    scope="week",
    columns=(
        RUN_DATE, _USER,
        Column("context", "string", "context that the order is for; any: all", nullable=False),
        Column("model", "string", "ranker, or blend where the gate or a failure kept the ranker from serving", nullable=False),
        Column("track_idx", "array<int>", "tracks, best first", nullable=False),
        Column("score", "array<float>", "the model's own score, descending", nullable=False),
        Column("blend_rank", "array<int>", "place on the blend's list from 1; 0: not on it", nullable=False),
        Column("because", "array<int>", "track_idx of the heard track that spoke for it most; -1: none", nullable=False),
        Column("via", "array<string>", "source that gave each track most of its blended score", nullable=False),
        Column(
            "drivers", "array<array<struct<feature:string,effect:float>>>",
            "the three features that moved a track's score most (SHAP), for the first of the list; empty for the blend",
            nullable=False,
        ),
    ),
)  # fmt: skip
