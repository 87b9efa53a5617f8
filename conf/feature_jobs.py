"""Settings of the jobs that fill the feature store, and of how long it keeps what it has."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from conf.contexts import ExcludeForeign
from conf.values import Frozen, ListenRule

FeatureTable = Literal["listener_features", "listener_contexts", "session_modes", "track_features", "artist_features"]


class BuildListenerFeatures(Frozen):
    """listens, histories -> listener_features, listener_contexts, session_modes: `days` of plays before the cut.

    `artists`, `genres`: how many of those loved most are told. `prior_plays`: how many plays a listener's mean is worth in an
    artist's skip-adjusted affinity. `min_sessions`: a context gets a row from so many expected sessions on. `foreign`: what is
    heard for somebody else, in affinities. `buckets` of crc32(user_id), of which `shard` `i/N` builds i, i + N, ... again and
    leaves the others as they are; None builds all.
    """

    days: int = Field(90, ge=90)
    gap_minutes: float = Field(30.0, gt=0)
    artists: int = Field(50, ge=1)
    genres: int = Field(10, ge=1)
    prior_plays: float = Field(5.0, gt=0)
    min_sessions: float = Field(0.5, ge=0)
    foreign: ExcludeForeign = ExcludeForeign()
    listen_rule: ListenRule = ListenRule()
    buckets: int = Field(64, ge=1)
    shard: str | None = Field(None, pattern=r"^\d+/[1-9]\d*$")

    @property
    def place(self) -> tuple[int, int]:
        """The shard as (i, N); (0, 1) for all.

        >>> BuildListenerFeatures(shard="3/16").place
        (3, 16)
        """
        place, _, shards = (self.shard or "0/1").partition("/")
        return int(place), int(shards)

    @model_validator(mode="after")
    def _shards_hold_whole_buckets(self) -> Self:
        place, shards = self.place
        if place >= shards or self.buckets % shards:
            raise ValueError(f"shard {self.shard} must be i/N with i below N, and N a divisor of {self.buckets} buckets")
        return self


class BuildTrackFeatures(Frozen):
    """listens -> track_features, artist_features.

    `prior_plays`: how many plays of everybody's mean a track's own rates are worth.
    """

    days: int = Field(90, ge=90)
    gap_minutes: float = Field(30.0, gt=0)
    prior_plays: float = Field(20.0, gt=0)
    listen_rule: ListenRule = ListenRule()


class FeatureStore(Frozen):
    """What `plant vacuum` and `plant features --check` do.

    `keep_days`: table -> days that its rows are kept, instead of its contract's. `compact_days`: weeks older than this, counted
    from a table's newest, are packed into one file a partition. `max_listeners`: how many a check looks at.
    """

    keep_days: dict[FeatureTable, Annotated[int, Field(ge=28)]] = Field(default_factory=dict)
    compact_days: int = Field(14, ge=0)
    max_listeners: int = Field(20_000, ge=100)
