"""Columns of the ranker's matrix: what is said of a listener, a candidate and the context that the order is for, in order.

Groups stand together, so that kernels find their columns by the group's place. What copies a feature of the listener or the
track bears its name, `log_` before it where its logarithm ln(1 + x) is taken.
"""

from __future__ import annotations

from conf.audio import READINGS
from conf.contexts import CONTEXTS
from conf.features.feature import Feature

JOB = "rank"
# Sources whose lists are looked at, in the order of models/sources/kinds.py.
SOURCES = ("mf", "item_knn", "rp3beta", "gfcf", "ease", "sequence", "content", "social", "fresh", "popularity")
# Features of listeners, tracks and artists that are copied; whether as ln(1 + x).
LISTENER_NUMBERS: dict[str, bool] = {
    "plays_7d": True, "plays_28d": True, "plays_90d": True, "saves_90d": True, "taste_diversity": False,
    "genre_diversity": False, "discovery_propensity": False, "repeat_propensity": False, "mainstreamness": False,
    "weekend_share": False, "skip_rate": False, "session_length": False, "intent_share": False, "foreign_share": False,
    "days_since_play": False, "active_weeks": False,
}  # fmt: skip
TRACK_NUMBERS: dict[str, bool] = {
    "plays_1d": True, "plays_7d": True, "plays_28d": True, "plays_90d": True, "listeners_28d": True,
    "first_plays_28d": True, "saves_28d": True, "popularity": False, "trend": False, "completion_rate": False,
    "save_rate": False, "age_days": True,
}  # fmt: skip
ARTIST_NUMBERS: dict[str, bool] = {
    "plays_7d": True, "listeners_28d": True, "popularity": False, "trend": False, "completion_rate": False, "save_rate": False,
}  # fmt: skip


def _one(name: str, unit: str, meaning: str, low: float | None = None, high: float | None = None, null: float = 0.0) -> Feature:
    return Feature(name, "pair", "pair", "float", unit, meaning, JOB, low, high, max_null=null)


def _of_source(name: str) -> tuple[Feature, ...]:
    return (
        _one(f"worth_{name}", "worth", f"worth of its place on the list of {name}, 0 where not on it", low=0),
        _one(f"rank_{name}", "log", f"ln(1 + rank) on the list of {name}, from 0", low=0, null=1.0),
        _one(f"missing_{name}", "flag", f"1 where the list of {name} does not name it", 0, 1),
    )


def _copied(numbers: dict[str, bool], whose: str, prefix: str = "") -> tuple[Feature, ...]:
    return tuple(
        _one(f"{'log_' if log else ''}{prefix}{name}", "log" if log else "as there", f"{name} of the {whose}", null=1.0)
        for name, log in numbers.items()
    )


GROUPS: dict[str, tuple[Feature, ...]] = {
    "sources": tuple(feature for name in SOURCES for feature in _of_source(name)),
    "lists": (
        _one("blend_score", "worth", "worths added up with the ranker's own weights of the sources", low=0),
        _one("blend_rank", "log", "ln(1 + rank) by blend_score, from 0", low=0),
        _one("named_by", "sources", "how many lists name it", low=1),
        _one("best_rank", "log", "ln(1 + rank) on the list where it stands highest", low=0),
    ),
    "artist": (
        _one("artist_plays", "log", "ln(1 + plays) of the artist's tracks by the listener", low=0),
        _one("artist_completions", "log", "ln(1 + completions) of them", low=0),
        _one("artist_known", "log", "ln(1 + tracks) of the artist that the listener played", low=0),
        _one("artist_adjusted", "share", "completions less skips over plays + 5", -1, 1),
        _one("artist_weight", "share", "share of the artist's tracks in the weights of the history", 0, 1),
        _one("artist_days", "days", "since the listener last played the artist", low=0, null=1.0),
        _one("artist_activation", "log", "ln sum of plays * age_days^-0.5 (ACT-R), ages of tracks' last plays", null=1.0),
    ),
    "genre": (
        _one("genre_weight", "share", "mean over its genres of their tracks' share in the history's weights", 0, 1, 1.0),
        _one("genre_adjusted", "share", "mean over its genres of completions less skips over plays + 5", -1, 1, 1.0),
    ),
    "taste": (
        _one("taste_cosine", "cosine", "of its factors and the listener's (mf)", -1, 1, 1.0),
        _one("taste_product", "product", "of its factors and the listener's of length 1 (mf)", null=1.0),
        _one("meaning_cosine", "cosine", "of what its words and sound stand for and the listener's mean", -1, 1, 1.0),
        _one("heard_nearest", "cosine", "of meanings, with the nearest of the history's weightiest tracks", -1, 1, 1.0),
        _one("heard_near", "cosine", "the mean of the nearest five", -1, 1, 1.0),
        _one("skipped_nearest", "cosine", "with the nearest of the tracks that were skipped more than completed", -1, 1, 1.0),
        _one("skipped_near", "cosine", "the mean of the nearest five of them", -1, 1, 1.0),
        _one("mode_nearest", "cosine", "of meanings, with the listener's mean in the context that is nearest", -1, 1, 1.0),
        _one("mode_found", "log", "ln sum over contexts of share * e^(5 cosine): how a search comes upon it", null=1.0),
    ),
    "places": (
        _one("taste_place", "share", "place by taste_product among the listener's candidates, 0 the first", 0, 1),
        _one("meaning_place", "share", "place by meaning_cosine among them", 0, 1),
        _one("popularity_place", "share", "place by plays of 7 days among them", 0, 1),
    ),
    "sound": (
        _one("sound_cosine", "cosine", "of its audio embedding and the mean of the history's", -1, 1, 1.0),
        *(_one(f"{name}_gap", "as there", f"its {name} off the history's mean", low=0, null=1.0) for name in READINGS),
    ),
    "track": _copied(TRACK_NUMBERS, "track"),
    "track_artist": _copied(ARTIST_NUMBERS, "artist", "artist_"),
    "listener": _copied(LISTENER_NUMBERS, "listener", "own_"),
    "crosses": (
        _one("history_size", "log", "ln(1 + tracks) of the history", low=0),
        _one("country_lift", "log", "ln of the share of its plays in the listener's country over everybody's, shrunk to none"),
        _one("mainstream_gap", "share", "its popularity less the listener's mainstreamness", -1, 1, 1.0),
        _one("fresh_part", "share", "plays of 28 days that were their listener's first of it", 0, 1, 1.0),
        _one("context_fit", "share", "sum over contexts of the listener's share times the track's lift over all tracks", low=0),
    ),
    "context": (
        *(_one(f"for_{name}", "flag", f"1 where the order is for {name}", 0, 1) for name in CONTEXTS),
        _one("context_share", "share", "of the listener's plays in the context that the order is for; 1 for any", 0, 1),
        _one("context_cosine", "cosine", "of meanings, with the listener's mean in that context, for any at large", -1, 1, 1.0),
        _one("context_gain", "cosine", "context_cosine less meaning_cosine", -2, 2, 1.0),
        _one("track_context_lift", "log", "ln of the context's share of its plays over that of all plays; 0 for any"),
        _one("context_place", "share", "place by context_cosine among the listener's candidates", 0, 1),
    ),
}  # fmt: skip
PAIR = tuple(feature for group in GROUPS.values() for feature in group)
COLUMNS = tuple(feature.name for feature in PAIR)
# Columns of which more never ranks lower (1), or less never does (-1).
MONOTONE: dict[str, int] = {
    "blend_score": 1, "blend_rank": -1, "named_by": 1, "best_rank": -1, "artist_adjusted": 1, "taste_product": 1,
    "taste_place": -1, **{f"worth_{name}": 1 for name in SOURCES}, **{f"rank_{name}": -1 for name in SOURCES},
}  # fmt: skip
