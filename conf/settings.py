"""Every number that a person may change, one frozen class per job; `conf/base.yaml` overrides defaults, `--env NAME` both.

Secrets are not settings: URLs and passwords of stores come from the environment, named here and read where they are used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from conf.errors import SettingsError

CONF = Path(__file__).parent
Share = Annotated[float, Field(ge=0, le=1)]
# How a history's weights enter a source; models/inputs.py says what each means.
Inputs = Literal["binary", "log", "linear", "share"]


class Frozen(BaseModel):
    """Immutable, and unknown words are refused: a mistyped setting must not pass in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ListenRule(Frozen):
    """When a play counts: `min_seconds` heard, or half of a shorter track."""

    min_seconds: float = Field(30.0, gt=0)
    min_share: Share = 0.5


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
    """listens -> histories. `half_life_days` counts back from the listener's own last play."""

    half_life_days: float = Field(60.0, gt=0)
    skip_penalty: float = Field(0.5, ge=0)
    max_tracks: int = Field(20_000, ge=1)
    buckets: int = Field(64, ge=1)
    listen_rule: ListenRule = ListenRule()


class TrainMf(Frozen):
    """histories -> artefact `mf`: matrix factorization of the confidence matrix.

    `inputs`: how a history's weights become confidence, which `weight_scale` multiplies.
    `max_listeners`: train on a deterministic sample of this many; everybody is folded in later.
    """

    engine: Literal["ials", "spark"] = "ials"
    dimensions: int = Field(64, ge=1, le=1024)
    epochs: int = Field(10, ge=1)
    alpha0: float = Field(0.1, gt=0)
    reg: float = Field(0.01, gt=0)
    nu: float = Field(1.0, ge=0)
    inputs: Inputs = "linear"
    weight_scale: float = Field(1.0, gt=0)
    max_listeners: int = Field(500_000, ge=1)
    seed: int = 7


class TrainPopularity(Frozen):
    """histories -> artefact `popularity`: listeners per track, decayed, everywhere, per country and per context.

    Priors: how many listeners of a country or a context the world's chart is worth.
    """

    # NDCG@30 of discoveries on simulated worlds (seeds 101-103, four weeks each): .0525 at 2 days, .0542 at 5, .0543 at 7,
    # .0544 at 10, .0543 at 14, .0538 at 28, .0534 at 60 and without decay. Flat at the top, so two weeks stay.
    half_life_days: float = Field(14.0, gt=0)
    country_prior: float = Field(50.0, ge=0)
    context_prior: float = Field(50.0, ge=0)
    depth: int = Field(2000, ge=100)


Neighbours = Annotated[int, Field(ge=1, le=1000)]


class TrainItemKnn(Frozen):
    """histories -> artefact `item_knn`: neighbours of each track by shared listeners.

    `inputs`: how a history's weights enter. `k1`, `b`: saturation and length normalisation of BM25, unused by the others.
    """

    similarity: Literal["bm25", "tfidf", "cosine"] = "bm25"
    neighbours: Neighbours = 200
    k1: float = Field(1.2, ge=0)
    b: float = Field(0.75, ge=0, le=1)
    inputs: Inputs = "binary"
    max_listeners: int = Field(500_000, ge=1)


class TrainContent(Frozen):
    """histories, texts, artists -> artefact `content`: taste that each track's content stands for.

    `ridge`: strength of the map from texts to taste. `artist_prior`: how many tracks of an artist the text is worth;
    `own_prior`: how many listeners of a track its artist and text are worth, None: its own listeners count for nothing.
    `cold_only` proposes tracks of fewer than `warm_listeners` listeners alone. `text_dimensions` of the text, `dimensions`
    of taste. `inputs`: how a history's weights enter a listener's mean.
    """

    dimensions: int = Field(128, ge=1, le=1024)
    text_dimensions: int = Field(128, ge=1, le=1024)
    ridge: float = Field(100.0, gt=0)
    artist_prior: float = Field(1.0, gt=0)
    own_prior: float | None = Field(10.0, gt=0)
    inputs: Inputs = "log"
    cold_only: bool = False
    warm_listeners: int = Field(10, ge=1)
    max_listeners: int = Field(500_000, ge=1)
    seed: int = 7


class CircleRule(Frozen):
    """What counts as lately loved by friends: completed within `days`, a friend's `depth` strongest, by `k` friends or more."""

    days: int = Field(28, ge=1)
    depth: int = Field(50, ge=1)
    k: int = Field(2, ge=2)


class TrainSequence(Frozen):
    """histories -> artefact `sequence`: a causal transformer over the newest `length` tracks of a listener.

    `batch`: tracks a step learns from. `negatives`: tracks drawn per batch to compare with, 0: all tracks. `gaps`: whether
    days between tracks are looked at. `averaging`: memory of the running average of the weights, in steps. `watched`: share of
    the listeners whose last track is kept back; every `watch_every` epochs it is looked at, and training stops after
    `patience` looks without progress. The learning rate falls to its end over `epochs`, so fewer of them are a shorter
    training, not one broken off. A log too long for `max_steps` batches is sampled anew each epoch: its length costs nothing.
    """

    dimensions: int = Field(64, ge=4, le=1024)
    blocks: int = Field(1, ge=0, le=8)
    heads: int = Field(2, ge=1, le=16)
    length: int = Field(50, ge=2, le=500)
    gaps: bool = True
    dropout: float = Field(0.5, ge=0, lt=1)
    attention_dropout: float = Field(0.2, ge=0, lt=1)
    epochs: int = Field(30, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    batch: int = Field(1024, ge=16)
    negatives: int = Field(1024, ge=0)
    averaging: float = Field(0.99, ge=0, lt=1)
    watched: Share = 0.05
    watch_every: int = Field(3, ge=1)
    patience: int = Field(3, ge=1)
    max_steps: int = Field(20_000, ge=1)
    max_listeners: int = Field(500_000, ge=1)
    seed: int = 7

    @model_validator(mode="after")
    def _heads_share_the_dimensions(self) -> Self:
        if self.dimensions % self.heads:
            raise ValueError(f"dimensions {self.dimensions} are not a multiple of heads {self.heads}")
        return self


class TrainFresh(Frozen):
    """histories, artists, release days -> artefact `fresh`: new releases of artists that a listener is loyal to.

    A release is new for `window_days` and counts half after `half_life_days`. `neighbours`: like artists per artist.
    """

    window_days: int = Field(28, ge=1)
    half_life_days: float = Field(14.0, gt=0)
    neighbours: Neighbours = 50
    max_listeners: int = Field(500_000, ge=1)


class TrainRp3beta(Frozen):
    """histories -> artefact `rp3beta`: walks from track to listener to track.

    `alpha`: power of the transition probabilities. `beta`: how far popular ends are held down. `artist_weight`: weight of
    artists as nodes beside their tracks, 0 for none.
    """

    alpha: float = Field(0.7, ge=0, le=3)
    beta: float = Field(0.4, ge=0, le=2)
    neighbours: Neighbours = 200
    artist_weight: float = Field(0.0, ge=0)
    inputs: Inputs = "binary"


class TrainGfcf(Frozen):
    """histories -> artefact `gfcf`: closed-form graph filter.

    `low_pass`: weight of the ideal filter of `dimensions` singular vectors beside the linear one. `listener_exponent`,
    `track_exponent`: how far active listeners and popular tracks are normalised; 0.5 each is the paper's. `artist_weight`:
    weight of artists as nodes beside their tracks, 0 for none.
    """

    dimensions: int = Field(128, ge=1, le=1024)
    low_pass: float = Field(1.0, ge=0)
    listener_exponent: float = Field(0.4, ge=0, le=1)
    track_exponent: float = Field(0.4, ge=0, le=1)
    neighbours: Neighbours = 200
    artist_weight: float = Field(0.0, ge=0)
    inputs: Inputs = "binary"
    seed: int = 7


class TrainEase(Frozen):
    """histories -> artefact `ease`: linear autoencoder over the `head` most heard tracks.

    `ridge`: in units of the mean squared length of a track's column. `dropout`: penalty in proportion to that length.
    `listener_exponent`: how far active listeners are normalised. `beta`: how far popular tracks are held down; 0 for not.
    """

    head: int = Field(8000, ge=1, le=20_000)
    ridge: float = Field(3.0, gt=0)
    dropout: float = Field(0.5, ge=0)
    listener_exponent: float = Field(0.25, ge=0, le=1)
    beta: float = Field(0.1, ge=0, le=2)
    neighbours: Neighbours = 200
    inputs: Inputs = "binary"


class TrainSocial(Frozen):
    """histories -> artefact `social`: taste circles and what their members lately love.

    `circles` clusters in `dimensions`; a listener joins the `near` nearest, the sharper the fewer of them. A love is one of
    a listener's `loves` strongest tracks completed in the last `days`; it counts half after `half_life_days`, and is told
    where `k_listeners` of a circle share it. `lift`: 0 charts what is popular in a circle, 1 what is loved there alone.
    `friends_weight` of friends' loves beside the circles'; fewer than `k_friends` are never told.
    """

    dimensions: int = Field(64, ge=1, le=1024)
    circles: int = Field(100, ge=1, le=10_000)
    near: int = Field(10, ge=1, le=100)
    sharpness: float = Field(10.0, ge=0)
    days: int = Field(56, ge=1)
    half_life_days: float = Field(28.0, gt=0)
    loves: int = Field(500, ge=1)
    lift: Share = 0.2
    depth: int = Field(1000, ge=1)
    k_listeners: int = Field(3, ge=2)
    k_friends: int = Field(2, ge=2)
    # On simulated worlds friends share tastes but do not pass tracks on: NDCG@30 .099 at 0, .097 at .3, .081 at 1.
    friends_weight: float = Field(0.3, ge=0)
    max_listeners: int = Field(500_000, ge=1)
    seed: int = 7


class GenerateCandidates(Frozen):
    """histories -> candidates. `min_tracks`: listeners with fewer completed tracks get the popular source alone."""

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


class Evaluate(Frozen):
    """lists against what listeners did in the seven days after the cut."""

    k: int = Field(30, ge=1)
    max_listeners: int = Field(20_000, ge=1)
    bootstrap: int = Field(1000, ge=100)
    seed: int = 7
    listen_rule: ListenRule = ListenRule()


class Settings(Frozen):
    """Everything; a job gets only its own part."""

    landing: Path = Path("run/landing")
    warehouse: Path = Path("run/warehouse")
    truth: Path | None = None
    spark: Spark = Spark()
    lease_minutes: float = Field(30.0, gt=0)
    ingest_catalogue: IngestCatalogue = IngestCatalogue()
    ingest_listens: IngestListens = IngestListens()
    sessionize: Sessionize = Sessionize()
    build_histories: BuildHistories = BuildHistories()
    train_mf: TrainMf = TrainMf()
    train_item_knn: TrainItemKnn = TrainItemKnn()
    train_popularity: TrainPopularity = TrainPopularity()
    generate_candidates: GenerateCandidates = GenerateCandidates()
    build_discover_weekly: BuildDiscoverWeekly = BuildDiscoverWeekly()
    publish_discover_weekly: PublishDiscoverWeekly = PublishDiscoverWeekly()
    evaluate: Evaluate = Evaluate()


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
    merged = _merged(merged, {k: v for k, v in overrides.items() if v is not None})
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
