"""Features of tracks and artists, as of the cut."""

from __future__ import annotations

from conf.contexts import CONTEXTS
from conf.features.feature import Entity, Feature
from conf.features.listener import WINDOWS

TRACK_JOB = "build_track_features"
COUNTED = {
    "plays": "plays, skips included",
    "skips": "plays skipped",
    "completions": "plays that pass the listen rule and were not skipped",
    "listeners": "different listeners",
    "saves": "listeners who saved it (a track of theirs, for artists)",
}
_SHARE = {"low": 0.0, "high": 1.0}


def _counts(entity: Entity) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            f"{what}_{days}d",
            "raw",
            entity,
            "bigint",
            what if what != "completions" else "plays",
            f"{meaning}, {days} d before the cut",
            TRACK_JOB,
            low=0,
        )
        for what, meaning in COUNTED.items()
        for days in WINDOWS
    )


def _derived(entity: Entity) -> tuple[Feature, ...]:
    def one(name: str, unit: str, meaning: str, **more: float) -> Feature:
        return Feature(name, "derived", entity, "float", unit, meaning, TRACK_JOB, **more)  # type: ignore[arg-type]

    return (
        one("popularity", "share", "rank among all by listeners of 28 days: 1 is the most heard", **_SHARE),
        one("trend", "log", "ln of plays a day in 7 days over those in 28, shrunk to none"),
        one("completion_rate", "share", "completions over plays, 90 days, shrunk to the mean", **_SHARE, default=0.5),
        one("save_rate", "share", "saves over listeners, 90 days, shrunk to the mean", **_SHARE),
        Feature(
            "plays_by_country",
            "raw",
            entity,
            "map<string,bigint>",
            "plays",
            "by the listener's country (empty: unknown), last 28 days",
            TRACK_JOB,
            low=0,
        ),
    )


TRACK = (
    *_counts("track"),
    *_derived("track"),
    Feature(
        "first_plays_28d",
        "raw",
        "track",
        "bigint",
        "plays",
        "that were the listener's first of it in 90 days",
        TRACK_JOB,
        low=0,
    ),
    Feature(
        "age_days",
        "derived",
        "track",
        "float",
        "days",
        "from its release to the cut; null where undated",
        TRACK_JOB,
        low=0,
        default=3650.0,
        max_null=0.5,
    ),
    Feature(
        "track_context_shares",
        "derived",
        "track",
        "array<float>",
        "share",
        f"plays by context, 90 days, shrunk to everybody's: {', '.join(CONTEXTS)}",
        TRACK_JOB,
        low=0,
        high=1,
        size=len(CONTEXTS),
    ),
    Feature("taste", "embedding", "track", "array<float>", "vector", "factors of matrix factorization", TRACK_JOB, size=64),
    Feature(
        "meaning",
        "embedding",
        "track",
        "array<float>",
        "vector",
        "taste that its words, sound and artist stand for (content)",
        TRACK_JOB,
        size=128,
    ),
)
ARTIST = (*_counts("artist"), *_derived("artist"))
