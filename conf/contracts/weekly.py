"""Contracts of what a week is made of: every row belongs to one `run_date`, the Monday served."""

from __future__ import annotations

from conf.contract import Column, Table
from conf.contracts.shared import RUN_DATE, SIMULATED, TRACK_LIST

HISTORIES = Table(
    "histories",
    "one row per listener: every track ever heard, arrays in order of track_idx",
    engine="spark",
    key=("run_date", "user_id"),
    partition=("run_date",),
    keep_days=28,
    scope="week",
    columns=(
        RUN_DATE,
        Column("bucket", "int", "crc32(user_id) modulo the number of buckets", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("track_idx", "array<int>", "tracks heard before the cut, ascending", nullable=False),
        Column("plays", "array<int>", "times played, skips included", nullable=False),
        Column("completions", "array<int>", "plays that pass the listen rule and were not skipped", nullable=False),
        Column("skips", "array<int>", "plays skipped", nullable=False),
        Column("last_day", "array<int>", "days since 1970-01-01 of the last play", nullable=False),
        Column("weight", "array<float>", "confidence >= 0, decayed against the listener's own last play", nullable=False),
        Column("listens", "bigint", "plays before the cut", nullable=False),
        Column("last_listen_at", "timestamp", "start of the last play before the cut, UTC", nullable=False),
        SIMULATED,
    ),
)
CANDIDATES = Table(
    "candidates",
    "what each source proposes to each listener, best first",
    engine="delta-rs",
    key=("run_date", "user_id", "source"),
    partition=("run_date",),
    keep_days=28,
    scope="week",
    columns=(
        RUN_DATE,
        Column("user_id", "string", "listener", nullable=False),
        Column("source", "string", "candidate source, e.g. mf, or blend: all of them added up", nullable=False),
        Column("track_idx", "array<int>", "proposed tracks", nullable=False),
        Column("score", "array<float>", "the source's own score, descending, to three digits (float16)", nullable=False),
        Column(
            "because",
            "array<int>",
            "track_idx of the heard track that carried the score most; -1: none",
            nullable=False,
        ),
        Column("via", "array<string>", "for blend: the source that gave each track most of its score; else null"),
    ),
)
PLAYLISTS = Table(
    "playlists",
    "the lists: one row per listener and surface",
    engine="delta-rs",
    key=("run_date", "surface", "user_id"),
    partition=("run_date", "surface"),
    keep_days=730,
    scope="week",
    checks={"filled_not_negative": "filled >= 0"},
    columns=(
        RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("valid_from", "timestamp", "UTC instant of the listener's own Monday 00:00", nullable=False),
        Column("timezone", "string", "zone that valid_from was computed in", nullable=False),
        Column("country", "string", "ISO 3166-1 alpha-2, empty where unknown", nullable=False),
        Column(
            "tracks",
            TRACK_LIST,
            "the list; score is the source's own, reason is what a listener reads",
            nullable=False,
        ),
        Column("filled", "int", "how many tracks came from the popular fallback", nullable=False),
        SIMULATED,
    ),
)
CHARTS = Table(
    "charts",
    "popular lists per country: what a listener without a list of their own is served",
    engine="delta-rs",
    key=("run_date", "surface", "country"),
    partition=("run_date", "surface"),
    keep_days=730,
    scope="week",
    columns=(
        RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("country", "string", "ISO 3166-1 alpha-2; empty: everywhere", nullable=False),
        Column("tracks", TRACK_LIST, "as in playlists", nullable=False),
        SIMULATED,
    ),
)
EXPOSURES = Table(
    "exposures",
    "what was shown; counts only where `publications` says that the generation was flipped",
    engine="delta-rs",
    key=("run_date", "surface", "generation", "user_id"),
    partition=("run_date", "surface"),
    keep_days=730,
    scope="week",
    columns=(
        RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("generation", "string", "content hash of the published lists", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("track_ids", "array<string>", "tracks in the order shown", nullable=False),
        Column(
            "propensity",
            "array<float>",
            "probability with which each was shown there; 1: no randomness",
            nullable=False,
        ),
        SIMULATED,
    ),
)
METRICS = Table(
    "metrics",
    "measured quality: one row per model and metric",
    engine="delta-rs",
    key=("run_date", "surface", "model", "metric"),
    partition=("run_date",),
    scope="week",
    columns=(
        RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("cut", "date", "lists saw rows before this UTC date; hits come from the seven days after it", nullable=False),
        Column("model", "string", "discover_weekly, popularity, best_possible, ...", nullable=False),
        Column("metric", "string", "ndcg@30, recall@30, coverage, ...", nullable=False),
        Column("value", "double", "mean over listeners", nullable=False),
        Column("low", "double", "lower end of the 95 % bootstrap interval over listeners"),
        Column("high", "double", "upper end"),
        Column("listeners", "bigint", "listeners measured", nullable=False),
        SIMULATED,
    ),
)
