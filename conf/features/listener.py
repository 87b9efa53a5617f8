"""Features of a listener, as of the cut; the jobs that own them say how they are computed.

Shares are null for listeners without a play in 90 days; how many there may be is a promise.
"""

from __future__ import annotations

from typing import Any

from conf.contexts import CONTEXTS, DEVICES
from conf.features.feature import Entity, Feature, Layer

WINDOWS = (1, 7, 28, 90)
LISTENER_JOB = "build_listener_features"
# Lengths of what a listener's embedding is made of, where no artefact says otherwise.
EMBEDDED = {"mf": 64, "content": 128, "sequence": 64}
_RESTING = 0.6  # of all listeners with a history may have no play in the window
_SHARE: dict[str, Any] = {"low": 0.0, "high": 1.0}


def _raw(name: str, type_: str, unit: str, meaning: str, **more: Any) -> Feature:
    return Feature(name, "raw", "listener", type_, unit, meaning, LISTENER_JOB, **more)


def _derived(name: str, unit: str, meaning: str, **more: Any) -> Feature:
    more = {"max_null": _RESTING} | more
    return Feature(name, "derived", "listener", "float", unit, meaning, LISTENER_JOB, **more)


def _list(layer: Layer, entity: Entity, name: str, unit: str, meaning: str, **more: Any) -> Feature:
    return Feature(name, layer, entity, "array<float>", unit, meaning, LISTENER_JOB, **more)


_COUNTED = {
    "plays": "plays, skips included",
    "skips": "plays skipped",
    "completions": "plays that pass the listen rule and were not skipped",
    "saves": "tracks saved",
}
COUNTS = tuple(
    _raw(f"{what}_{days}d", "int", "plays" if what != "saves" else "tracks", f"{meaning}, {days} d before the cut", low=0)
    for what, meaning in _COUNTED.items()
    for days in WINDOWS
)
_BY_DEVICE = f"plays by device, 90 days: {', '.join(DEVICES)}"
SHARES = (
    _raw("device_shares", "array<float>", "share", _BY_DEVICE, **_SHARE, size=len(DEVICES), max_null=_RESTING),
    _raw(
        "hour_shares", "array<float>", "share", "plays by local hour of the day, 90 days", **_SHARE, size=24, max_null=_RESTING
    ),
    _raw("genres", "array<string>", "name", "the ten genres completed most, 90 days, most first"),
    _raw("genre_affinity", "array<float>", "share", "of completed plays, for each of `genres`", **_SHARE),
    _raw("artist_ids", "array<string>", "id", "the fifty artists completed most, 90 days, most first"),
    _raw("artist_affinity", "array<float>", "share", "of completed plays, for each of `artist_ids`", **_SHARE),
)
DERIVED = (
    _derived("taste_diversity", "nats", "entropy of artists among the plays of 90 days", low=0),
    _derived("genre_diversity", "nats", "entropy of genres among the plays of 90 days", low=0, max_null=1.0),
    _derived("discovery_propensity", "share", "plays of 28 days that were the first of their track in 90", **_SHARE, hot=True),
    _derived("repeat_propensity", "share", "plays of 28 days of a track heard before in 90", **_SHARE, hot=True),
    _derived("mainstreamness", "share", "mean popularity rank of played tracks: 1 is the top of the chart", **_SHARE, hot=True),
    _derived("weekend_share", "share", "plays on a local Saturday or Sunday, 90 days", **_SHARE),
    _derived("skip_rate", "share", "plays skipped, 28 days", **_SHARE, hot=True),
    _derived("session_length", "plays", "mean plays of a session, 90 days", low=0, hot=True),
    _derived(
        "intent_share",
        "share",
        "plays that were sought: own list, album, search; radio, charts, our lists are not",
        **_SHARE,
        max_null=1.0,
    ),
    _derived("foreign_share", "share", "plays in sessions of somebody else's taste (a child's, sleep), 90 days", **_SHARE),
    _derived("days_since_play", "days", "from the last play of 90 days to the cut", low=0, high=90, default=90.0),
    _derived("active_weeks", "weeks", "weeks of the last thirteen with a play", low=0, high=13, max_null=0.0),
)
_OF_DAYPARTS = "plays at night, in the morning, by day, in the evening, 90 days"
_OF_CONTEXTS = f"plays by context, 90 days: {', '.join(CONTEXTS)}"
_ADJUSTED = "completions less skips over plays, shrunk to the listener's mean, for each of `artist_ids`"
_ACTIVATION = (
    "base-level activation ln sum age_days^-0.5 of plays, ACT-R (Anderson & Schooler 1991), an hour old at least, for each of"
    " `artist_ids`"
)
LISTS = (
    _list("derived", "listener", "daypart_shares", "share", _OF_DAYPARTS, **_SHARE, size=4, max_null=_RESTING),
    _list(
        "derived",
        "listener",
        "context_shares",
        "share",
        _OF_CONTEXTS,
        **_SHARE,
        size=len(CONTEXTS),
        hot=True,
        max_null=_RESTING,
    ),
    _list("derived", "listener", "skip_adjusted_affinity", "share", _ADJUSTED, low=-1, high=1),
    _list("derived", "listener", "activation", "log", _ACTIVATION),
)
_TASTE = (
    "taste: factors folded in (mf), mean of what words and sound stand for (content), state of the sequence model; each of "
)
EMBEDDING = _list(
    "embedding", "listener", "embedding", "vector", _TASTE + "length 1, or zeros", low=-1, high=1, size=sum(EMBEDDED.values())
)
LISTENER = (*COUNTS, *SHARES, *DERIVED, *LISTS, EMBEDDING)

_MEANT = "mean of what words and sound of the tracks completed there stand for, of length 1"
LISTENER_CONTEXT = (
    Feature("share", "derived", "listener_context", "float", "share", "plays of 90 days in this context", LISTENER_JOB,
            **_SHARE, hot=True),
    Feature("sessions", "raw", "listener_context", "float", "sessions", "expected number in 90 days", LISTENER_JOB, low=0),
    _list("embedding", "listener_context", "context_embedding", "vector", _MEANT, low=-1, high=1, size=EMBEDDED["content"]),
)  # fmt: skip
_PROBABLE = f"probability of each context: {', '.join(CONTEXTS)}"
_OWN = "probability that the listener's own taste plays"
_HEARD = "mean of the factors of its tracks that were not skipped, of length 1"
SESSION = (
    _list("derived", "session", "contexts", "share", _PROBABLE, **_SHARE, size=len(CONTEXTS)),
    Feature("own", "derived", "session", "float", "share", _OWN, LISTENER_JOB, **_SHARE, default=1.0),
    _list("embedding", "session", "session_embedding", "vector", _HEARD, low=-1, high=1, size=EMBEDDED["mf"]),
)
