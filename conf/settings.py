"""Every number that a person may change, one frozen class per job; `conf/base.yaml` overrides defaults, `--env NAME` both.

Secrets are not settings: URLs and passwords of stores come from the environment, named here and read where they are used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError

from conf import contexts, ears, feature_jobs, ranking, trainers
from conf.errors import SettingsError
from conf.landing import truth_beside
from conf.values import Frozen, ListenRule, Share

CONF = Path(__file__).parent
SourceName = Literal["mf", "item_knn", "rp3beta", "gfcf", "ease", "sequence", "content", "social", "fresh"]


class Spark(Frozen):
    """The session; `profile` names conf/spark/PROFILE.conf."""

    profile: str = "local"
    cores: int = Field(2, ge=1)
    driver_memory: str = Field("2g", pattern=r"^\d+[mg]$")


class IngestCatalogue(Frozen):
    """landing files -> tracks, artists, users, ..."""

    max_quarantined: Share = 0.05


class IngestListens(Frozen):
    """landing files -> listens, quarantine.

    `history_days`: rows that start earlier than this before the run date are `ancient`. `future_hours`: how far a clock may
    run ahead of the end of the run date. `same_play_seconds`: two starts of one track by one listener this close are one play.
    """

    max_quarantined: Share = 0.1
    history_days: int = Field(7300, ge=1)
    future_hours: float = Field(24.0, ge=0)
    same_play_seconds: float = Field(10.0, ge=0)
    max_hours_per_day: float = Field(24.0, gt=0)


class Sessionize(Frozen):
    """listens -> sessions. A pause longer than `gap_minutes` ends a session."""

    gap_minutes: float = Field(30.0, gt=0)
    listen_rule: ListenRule = ListenRule()


class BuildHistories(Frozen):
    """listens -> histories. `half_life_days` counts back from the listener's own last play.

    `foreign`: how much plays count as taste of sessions that are rather somebody else's (by last week's artefact `contexts`).
    """

    half_life_days: float = Field(60.0, gt=0)
    skip_penalty: float = Field(0.5, ge=0)
    max_tracks: int = Field(20_000, ge=1)
    buckets: int = Field(64, ge=1)
    listen_rule: ListenRule = ListenRule()
    foreign: contexts.ExcludeForeign = contexts.ExcludeForeign()


class CircleRule(Frozen):
    """What counts as lately loved by friends: completed within `days`, a friend's `depth` strongest, by `k` friends or more."""

    days: int = Field(28, ge=1)
    depth: int = Field(50, ge=1)
    k: int = Field(2, ge=2)


class GenerateCandidates(Frozen):
    """histories -> candidates.

    `sources`: which are trained and asked; popularity always is. `min_tracks`: listeners with fewer completed tracks get the
    popular source alone.
    """

    sources: tuple[SourceName, ...] = get_args(SourceName)
    per_source: int = Field(200, ge=30, le=1000)
    min_tracks: int = Field(3, ge=0)
    block: int = Field(1024, ge=256)
    circle: CircleRule = CircleRule()


class BuildDiscoverWeekly(Frozen):
    """candidates -> playlists, charts."""

    length: int = Field(30, ge=1, le=200)
    per_artist: int = Field(2, ge=1)


class RedisStore(Frozen):
    """Names of the environment variables that hold the connection; the values are never logged or stored."""

    url_env: str = "PLANT_REDIS_URL"
    password_env: str = "PLANT_REDIS_PASSWORD"
    tls_env: str = "PLANT_REDIS_TLS"


class PublishDiscoverWeekly(Frozen):
    """playlists, charts -> stores. Gates refuse a flip; `verify_reads` records are read back whole per store."""

    stores: tuple[Literal["sqlite", "bundle", "redis"], ...] = ("sqlite", "bundle")
    redis: RedisStore = RedisStore()
    verify_reads: int = Field(200, ge=1)
    list_length: int = Field(30, ge=1, le=200)
    per_artist: int = Field(2, ge=1)
    min_covered: Share = 0.99
    max_short_lists: Share = 0.05
    max_changed: Share = 1.0
    max_artist_share: Share = 0.5


class PublishListenerFeatures(Frozen):
    """listener_features -> stores: the features that the catalogue calls hot."""

    stores: tuple[Literal["sqlite", "bundle", "redis"], ...] = ("sqlite", "bundle")
    redis: RedisStore = RedisStore()
    verify_reads: int = Field(200, ge=1)
    min_covered: Share = 0.99
    max_unknown: Share = 0.5


class RankArtists(Frozen):
    """withheld real artists: how the sources are trained over artists instead of tracks.

    `hidden`: share of each listener's artists that teaches the blend. `depth`: artists of each source's list.
    """

    hidden: Share = 0.2
    depth: int = Field(500, ge=20, le=1000)
    seed: int = 7
    friends: CircleRule = CircleRule(days=365)
    # Chosen by hidden artists of one import (seed 3): alpha0 .02 .2853, .03 .2853, .05 .2804; 256 dimensions tell no more.
    mf: trainers.TrainMf = trainers.TrainMf(dimensions=128, alpha0=0.03, reg=0.02, inputs="share")
    gfcf: trainers.TrainGfcf = trainers.TrainGfcf(inputs="share")
    ease: trainers.TrainEase = trainers.TrainEase(inputs="share")

    def sources(self) -> dict[SourceName, Any]:
        """Settings of each source that is asked."""
        return {"mf": self.mf, "gfcf": self.gfcf, "ease": self.ease}


class Evaluate(Frozen):
    """lists against what listeners did in the seven days after the cut."""

    k: int = Field(30, ge=1)
    max_listeners: int = Field(20_000, ge=1)
    bootstrap: int = Field(1000, ge=100)
    seed: int = 7
    listen_rule: ListenRule = ListenRule()
    artists: RankArtists = RankArtists()


class Settings(Frozen):
    """Everything; a job gets only its own part.

    `jobs_at_once`: jobs of a week that run side by side where neither waits for the other; each takes memory of its own.
    """

    landing: Path = Path("run/landing")
    warehouse: Path = Path("run/warehouse")
    truth: Path | None = None
    spark: Spark = Spark()
    lease_minutes: float = Field(30.0, gt=0)
    jobs_at_once: int = Field(2, ge=1, le=16)
    ingest_catalogue: IngestCatalogue = IngestCatalogue()
    ingest_listens: IngestListens = IngestListens()
    sessionize: Sessionize = Sessionize()
    build_histories: BuildHistories = BuildHistories()
    train_audio: ears.TrainAudio = ears.TrainAudio()
    extract_audio: ears.ExtractAudio = ears.ExtractAudio()
    train_mf: trainers.TrainMf = trainers.TrainMf()
    train_item_knn: trainers.TrainItemKnn = trainers.TrainItemKnn()
    train_rp3beta: trainers.TrainRp3beta = trainers.TrainRp3beta()
    train_gfcf: trainers.TrainGfcf = trainers.TrainGfcf()
    train_ease: trainers.TrainEase = trainers.TrainEase()
    train_sequence: trainers.TrainSequence = trainers.TrainSequence()
    train_content: trainers.TrainContent = trainers.TrainContent()
    train_social: trainers.TrainSocial = trainers.TrainSocial()
    train_fresh: trainers.TrainFresh = trainers.TrainFresh()
    train_popularity: trainers.TrainPopularity = trainers.TrainPopularity()
    train_contexts: contexts.TrainContexts = contexts.TrainContexts()
    build_listener_features: feature_jobs.BuildListenerFeatures = feature_jobs.BuildListenerFeatures()
    build_track_features: feature_jobs.BuildTrackFeatures = feature_jobs.BuildTrackFeatures()
    train_blend: trainers.TrainBlend = trainers.TrainBlend()
    train_ranker: ranking.TrainRanker = ranking.TrainRanker()
    generate_candidates: GenerateCandidates = GenerateCandidates()
    rank: ranking.Rank = ranking.Rank()
    build_discover_weekly: BuildDiscoverWeekly = BuildDiscoverWeekly()
    publish_discover_weekly: PublishDiscoverWeekly = PublishDiscoverWeekly()
    publish_listener_features: PublishListenerFeatures = PublishListenerFeatures()
    evaluate: Evaluate = Evaluate()
    feature_store: feature_jobs.FeatureStore = feature_jobs.FeatureStore()


def load(env: str | None = None, **overrides: Any) -> Settings:
    """Settings of conf/base.yaml, then conf/`env`.yaml, then `overrides` (None means: not given).

    Raises
    ------
    SettingsError
        For a missing file, broken yaml, an unknown word or a value out of bounds.
    """
    merged: dict[str, Any] = {}
    for name in ["base", *([env] if env else [])]:
        merged = _merged(merged, _read(CONF / f"{name}.yaml"))
    given = {k: v for k, v in overrides.items() if v is not None}
    if merged.get("truth") and "landing" in given:
        # Another landing folder has another truth, its neighbour: the environment's would judge one world by another.
        given = {"truth": truth_beside(Path(given["landing"]).resolve())} | given
    merged = _merged(merged, given)
    try:
        return Settings.model_validate(merged)
    except ValidationError as refused:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in refused.errors()]
        raise SettingsError(f"settings for env {env or 'base'} are refused: " + "; ".join(lines)) from None


def fingerprint(part: BaseModel) -> str:
    """sha256 of a settings class as JSON: equal settings, equal hash."""
    return hashlib.sha256(part.model_dump_json().encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in CONF.glob("*.yaml")))
        raise SettingsError(f"no settings file {path.name} in conf/: --env takes one of {known}")
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as broken:
        raise SettingsError(f"conf/{path.name} is not yaml: {broken}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"conf/{path.name} must hold names and values, saw a {type(content).__name__}")
    return content


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(under)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(name), dict)
        out[name] = _merged(out[name], value) if both else value
    return out
