"""Settings of the ears: what a worker may spend on a file, and the network that says whose taste a sound may meet."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from conf.values import Frozen, Share

Weight = Annotated[float, Field(ge=0)]
Channels = Annotated[int, Field(ge=1, le=512)]


class ExtractAudio(Frozen):
    """audio files -> track_audio, audio_quarantine.

    `max_bytes`, `max_decoded_s`, `timeout_s`: what one file may cost. `min_s` of sound at least, `silence_dbfs` below which a
    file is silent. `files_per_task`: files that one worker hears before it takes the next task. `files_per_commit`: files heard
    between two commits, which is what a killed run loses. `precision`: which of the artefact's networks is used.
    """

    max_bytes: int = Field(500_000_000, ge=1)
    max_decoded_s: float = Field(7_200.0, gt=0)
    timeout_s: float = Field(60.0, gt=0)
    min_s: float = Field(1.0, gt=0)
    silence_dbfs: float = Field(-65.0, lt=0)
    files_per_task: int = Field(50, ge=1)
    files_per_commit: int = Field(20_000, ge=1)
    # int8 is half the size and no faster on processors with AVX-512: 1.6 ms a clip against 1.3.
    precision: Literal["fp32", "int8"] = "fp32"


class TrainAudio(Frozen):
    """tracks, histories, audio files -> artefact `audio`: a network from sound to a unit embedding and taste factors.

    A network serves `retrain_weeks`, since another one means hearing the whole catalogue again. It learns from at most
    `max_tracks` tracks of `min_listeners` listeners, `patches` of each; with fewer than `min_tracks` there is none. What a
    track's taste is comes from `taste_dimensions` factors of the histories of `max_listeners` listeners.

    The network: `stem` channels of the convolutions over time and bands, `channels` of the `blocks` over time alone, an
    embedding of `dimensions`. `batch`: tracks a step learns from, two patches each. The loss adds `factors_weight` (predict
    taste factors), `likeness_weight` (two patches of a track find each other among the batch, at `temperature`), `tags_weight`
    and `readings_weight`. `paired`: share of the second patches that come from a track heard with the first. `time_mask`,
    `band_mask`: longest stretch of frames and bands that is hidden; `treble_cut`: most bands that half of the patches lose at
    the top, as low bit rates do; `gain_db` and `pitch_bands`: furthest either way.
    `watched`: share of the tracks, by whole artists, kept back; every `watch_every` epochs they are looked at, and training
    stops after `patience` looks without progress. The learning rate falls to its end over `epochs`, fewer of them where they
    would take more than `max_steps` steps: steps, as no clock is read here.
    """

    retrain_weeks: int = Field(26, ge=1)
    min_tracks: int = Field(100, ge=1)
    min_listeners: int = Field(5, ge=1)
    patches: int = Field(4, ge=1, le=8)
    taste_dimensions: int = Field(64, ge=1, le=1024)
    max_listeners: int = Field(500_000, ge=1)
    cores: int = Field(2, ge=1)

    dimensions: int = Field(256, ge=4, le=1024)
    stem: tuple[Channels, Channels, Channels] = (8, 16, 24)
    channels: Channels = 128
    blocks: int = Field(2, ge=0, le=8)
    epochs: int = Field(20, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    batch: int = Field(32, ge=2, le=4096)
    temperature: float = Field(0.1, gt=0)
    factors_weight: Weight = 1.0
    likeness_weight: Weight = 0.05
    tags_weight: Weight = 1.0
    readings_weight: Weight = 0.3
    paired: Share = 0.5
    # 540 simulated songs, 20 epochs: cosine to the factors of unheard artists .594 with nothing hidden, .558 with up to 24
    # frames and 12 bands. A little is hidden all the same, for longer trainings, which were not measured.
    time_mask: int = Field(12, ge=0, le=80)
    band_mask: int = Field(6, ge=0, le=64)
    treble_cut: int = Field(24, ge=0, le=96)
    gain_db: float = Field(3.0, ge=0)
    pitch_bands: int = Field(1, ge=0, le=8)
    watched: Share = 0.1
    watch_every: int = Field(2, ge=1)
    patience: int = Field(4, ge=1)
    max_tracks: int = Field(5_000, ge=1)
    max_steps: int = Field(6000, ge=1)
    seed: int = 7

    @model_validator(mode="after")
    def _something_is_learnt(self) -> Self:
        if self.factors_weight + self.likeness_weight + self.tags_weight + self.readings_weight == 0:
            raise ValueError("all weights of the losses are 0: nothing would be learnt")
        return self
