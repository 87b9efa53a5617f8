"""Settings of the sources: one frozen class per trainer, defaults chosen on simulated worlds and public validation splits."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from conf.values import Frozen, Inputs, ListenRule, Neighbours, Share


class TrainMf(Frozen):
    """histories -> artefact `mf`: matrix factorization of the confidence matrix.

    `inputs`: how a history's weights become confidence, which `weight_scale` multiplies. A pair that was not heard weighs
    `alpha0`, more for tracks that more listeners heard: to the power of `unheard_exponent` (MLlib weighs them all alike).
    `max_listeners`: train on a deterministic sample of this many; everybody is folded in later.
    """

    engine: Literal["ials", "spark"] = "ials"
    dimensions: int = Field(64, ge=1, le=1024)
    epochs: int = Field(10, ge=1)
    alpha0: float = Field(0.1, gt=0)
    unheard_exponent: float = Field(0.0, ge=0, le=1)
    reg: float = Field(0.01, gt=0)
    nu: float = Field(1.0, ge=0)
    inputs: Inputs = "linear"
    weight_scale: float = Field(1.0, gt=0)
    max_listeners: int = Field(500_000, ge=1)
    seed: int = 7


class TrainPopularity(Frozen):
    """histories, sessions -> artefact `popularity`: listeners per track, decayed, everywhere, per country and per context.

    Priors: how many listeners of a country or a context the world's chart is worth. `context_listeners`: how many listeners'
    sessions make the charts of the parts of the day.
    """

    # NDCG@30 of discoveries on simulated worlds (seeds 101-103, four weeks each): .0525 at 2 days, .0542 at 5, .0543 at 7,
    # .0544 at 10, .0543 at 14, .0538 at 28, .0534 at 60 and without decay. Flat at the top, so two weeks stay.
    half_life_days: float = Field(14.0, gt=0)
    country_prior: float = Field(50.0, ge=0)
    context_prior: float = Field(50.0, ge=0)
    context_listeners: int = Field(50_000, ge=1)
    depth: int = Field(2000, ge=100)


class TrainItemKnn(Frozen):
    """histories -> artefact `item_knn`: neighbours of each track by shared listeners.

    `inputs`: how a history's weights enter. `k1`, `b`: saturation and length normalisation of BM25, unused by the others.
    """

    similarity: Literal["bm25", "tfidf", "cosine"] = "bm25"
    neighbours: Neighbours = 200
    k1: float = Field(8.0, ge=0)
    b: float = Field(0.25, ge=0, le=1)
    inputs: Inputs = "binary"
    max_listeners: int = Field(500_000, ge=1)


class TrainContent(Frozen):
    """histories, texts, sound, artists -> artefact `content`: taste that each track's content stands for.

    `ridge`: strength of the map from content to taste. `sound_weight`: of the audio
    embedding beside the text's 1, 0 leaves it out. `artist_prior`: how many tracks of an artist the text is worth;
    `own_prior`: how many listeners of a track its artist and text are worth, None: its own listeners count for nothing.
    `cold_only` proposes tracks of fewer than `warm_listeners` listeners alone. `text_dimensions` of the text, `dimensions`
    of taste. `inputs`: how a history's weights enter a listener's mean.
    """

    dimensions: int = Field(128, ge=1, le=1024)
    text_dimensions: int = Field(128, ge=1, le=1024)
    ridge: float = Field(100.0, gt=0)
    sound_weight: float = Field(1.0, ge=0)
    artist_prior: float = Field(1.0, gt=0)
    own_prior: float | None = Field(10.0, gt=0)
    inputs: Inputs = "log"
    cold_only: bool = False
    warm_listeners: int = Field(10, ge=1)
    max_listeners: int = Field(500_000, ge=1)
    seed: int = 7


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
    learning_rate: float = Field(4e-3, gt=0)
    batch: int = Field(1024, ge=16)
    negatives: int = Field(1024, ge=0)
    averaging: float = Field(0.99, ge=0, lt=1)
    watched: Share = 0.05
    watch_every: int = Field(3, ge=1)
    patience: int = Field(3, ge=1)
    max_steps: int = Field(6000, ge=1)
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

    alpha: float = Field(0.6, ge=0, le=3)
    beta: float = Field(0.4, ge=0, le=2)
    neighbours: Neighbours = 200
    artist_weight: float = Field(0.0, ge=0)
    inputs: Inputs = "binary"
    max_listeners: int = Field(500_000, ge=1)


class TrainGfcf(Frozen):
    """histories -> artefact `gfcf`: closed-form graph filter.

    `low_pass`: weight of the ideal filter of `dimensions` singular vectors beside the linear one. `listener_exponent`,
    `track_exponent`: how far active listeners and popular tracks are normalised; 0.5 each is the paper's. `artist_weight`:
    weight of artists as nodes beside their tracks, 0 for none.
    """

    dimensions: int = Field(128, ge=1, le=1024)
    low_pass: float = Field(0.3, ge=0)
    listener_exponent: float = Field(0.35, ge=0, le=1)
    track_exponent: float = Field(0.4, ge=0, le=1)
    neighbours: Neighbours = 200
    artist_weight: float = Field(0.0, ge=0)
    inputs: Inputs = "binary"
    max_listeners: int = Field(500_000, ge=1)
    seed: int = 7


class TrainEase(Frozen):
    """histories -> artefact `ease`: linear autoencoder over the `head` most heard tracks.

    `ridge`: in units of the mean squared length of a track's column. `dropout`: penalty in proportion to that length.
    `listener_exponent`: how far active listeners are normalised. `beta`: how far popular tracks are held down; 0 for not.
    """

    head: int = Field(8000, ge=1, le=20_000)
    ridge: float = Field(5.0, gt=0)
    dropout: float = Field(0.5, ge=0)
    listener_exponent: float = Field(0.25, ge=0, le=1)
    beta: float = Field(0.1, ge=0, le=2)
    neighbours: Neighbours = 200
    inputs: Inputs = "binary"
    max_listeners: int = Field(500_000, ge=1)


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


class TrainBlend(Frozen):
    """last week's candidates and what was picked since -> artefact `blend`: weight of each source.

    `first`: weights of the very first week, to which little evidence is drawn as if `prior_listeners` had taught them.
    """

    # What the picks of a week taught on the simulated demo world (seed 1, 1,400 listeners), rounded.
    first: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {"mf": 0.3, "fresh": 0.2, "content": 0.15, "sequence": 0.15, "gfcf": 0.15, "ease": 0.05}
    )
    prior_listeners: float = Field(50.0, ge=0)
    max_listeners: int = Field(5_000, ge=1)
    listen_rule: ListenRule = ListenRule()
