"""replay, sources of a cut -> what the ranker knows then: the same features as the line's, from plays in memory.

The pure functions are those that the line's workers call (models/ranking/features, models/contexts); only the readings of audio
files are left out, as the line has them for the newest weeks alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.audio import READINGS
from conf.contexts import CONTEXTS
from conf.features.listener import WINDOWS
from conf.settings import Settings
from models.contexts import ContextModel, Sound
from models.contexts.words import words
from models.listening import Listening
from models.ranking.features.embeddings import Content, Embedder
from models.ranking.features.items import Items, rank_shares
from models.ranking.features.listener import Saves, listener_features
from models.ranking.features.sessions import context_features
from models.ranking.features.tracks import Tally, item_features, track_features
from models.ranking.labels import After, Picks, picks
from models.ranking.matrix import ListenerSide, TrackSide
from models.ranking.sides import listener_side, track_side
from models.slates.ragged import Ragged, from_lengths
from models.sources.base import Catalogue, Saved
from models.sources.taste_mean import unit_rows
from models.splits import microseconds
from spark_jobs.evaluation.replay import Cut, Replay, listeners_of_tracks
from spark_jobs.features.opened import item_side

Float32s = npt.NDArray[np.float32]
DAYS = WINDOWS[-1]


@dataclass(frozen=True)
class Known:
    """What is known at a cut: both sides of the matrix, and what listeners made of it afterwards."""

    listeners: ListenerSide
    tracks: TrackSide
    picks: Picks


@dataclass(frozen=True)
class Looker:
    """Reads features out of a replay.

    genres : names of each track's genres by track_idx, None where unknown.
    """

    replay: Replay
    genres: Sequence[Sequence[str] | None]
    settings: Settings

    def known(self, cut: Cut, catalogue: Catalogue, saved: Mapping[str, Saved]) -> Known:
        """Features as of the cut, made with the sources that were trained on what lies before it, and the labels behind it."""
        params, cut_us = self.settings.build_listener_features, microseconds(cut.day)
        plays = self._plays(cut, cut.day)
        vectors = np.asarray(saved["content"].arrays["vectors"]) if "content" in saved else None
        sound = Sound(None if vectors is None else unit_rows(vectors), None, self._words(len(catalogue)))
        model = ContextModel.fit(plays, sound, self.settings.train_contexts)
        judged, saves = model.judge(plays, sound), self._saves(cut)
        genre = self._genre(len(catalogue))
        artist = catalogue.artist if catalogue.artist is not None else np.full(len(catalogue), -1, np.int32)
        items = Items(artist, genre, rank_shares(listeners_of_tracks(cut.block, len(catalogue))))
        tracks = self._tracks(cut, catalogue, artist, genre, plays, saves, judged, saved)
        made = listener_features(plays, items, saves, cut_us, judged, params)
        in_contexts = context_features(plays, cut_us, judged, vectors, params)
        share = np.zeros((len(cut.block), len(CONTEXTS)), np.float32)
        modes = np.zeros((*share.shape, tracks.meaning.shape[1]), np.float32)
        where = in_contexts.listener, in_contexts.context
        share[where] = in_contexts.share
        if in_contexts.embedding is not None:
            modes[where] = in_contexts.embedding
        embedding = embedder(saved).listeners(cut.block.log)
        embedding = np.zeros((len(cut.block), 0), np.float32) if embedding is None else embedding
        day = (cut.day - date(1970, 1, 1)).days
        country = _places(cut, tracks)
        side = listener_side(cut.block.log, day, made.scalars, country, embedding, share, modes, tracks)
        return Known(side, tracks, picks(self._after(cut, model, sound), len(CONTEXTS)))

    def _plays(self, cut: Cut, until: date) -> Listening:
        params = self.settings.build_listener_features
        since = cut.day - timedelta(days=DAYS)
        return self.replay.listening(since, until, cut.code, params.listen_rule, params.gap_minutes)

    def _tracks(
        self, cut: Cut, catalogue: Catalogue, artist: npt.NDArray[np.int32], genre: Ragged, plays: Listening, saves: Saves,
        judged: Any, saved: Mapping[str, Saved],
    ) -> TrackSide:  # fmt: skip
        params, cut_us, size = self.settings.build_track_features, microseconds(cut.day), len(catalogue)
        country = np.array([name or "" for name in cut.block.country.to_pylist()])
        by_track, by_artist = Tally.empty(size), Tally.empty(int(artist.max(initial=-1)) + 1)
        by_track.add(plays, np.arange(size, dtype=np.int32), saves, country, cut_us, judged)
        by_artist.add(plays, artist, saves, country, cut_us, judged)
        released = catalogue.released if catalogue.released is not None else np.full(size, np.iinfo(np.int32).min, np.int32)
        own = track_features(by_track, released, (cut.day - date(1970, 1, 1)).days, params)
        vectors: dict[str, Float32s | None] = {
            "taste": np.asarray(saved["mf"].arrays["item_factors"]) if "mf" in saved else None,
            "meaning": np.asarray(saved["content"].arrays["vectors"]) if "content" in saved else None,
            "sound": None,
        }
        readings = np.full((size, len(READINGS)), np.nan, np.float32)
        return track_side(
            own, item_features(by_artist, params), by_track.by_country, sorted(by_track.by_country.keys() - {""}), artist,
            genre, catalogue.tie_rank, vectors, readings,
        )  # fmt: skip

    def _saves(self, cut: Cut) -> Saves:
        who, what, at = self.replay.saved
        kept = np.isin(who, cut.code) & (at < microseconds(cut.day))
        return Saves(np.searchsorted(cut.code, who[kept]).astype(np.int64), what[kept].astype(np.int32), at[kept])

    def _after(self, cut: Cut, model: ContextModel, sound: Sound) -> After:
        """What came in the week from the cut on; what is behind it belongs to weeks that are judged."""
        plays, cut_us = self._plays(cut, cut.day + timedelta(days=7)), microseconds(cut.day)
        contexts = model.judge(plays, sound).contexts[plays.session]
        since = plays.started_at >= cut_us
        later = plays.where(since)
        who, what, at = self.replay.saved
        week = np.isin(who, cut.code) & (at >= cut_us) & (at < microseconds(cut.day + timedelta(days=7)))
        return After(
            later.listener, later.track_idx, later.started_at - cut_us, later.completed, later.skipped, later.session,
            contexts[since], np.searchsorted(cut.code, who[week]).astype(np.int64), what[week].astype(np.int32),
        )  # fmt: skip

    def _words(self, size: int) -> Float32s:
        genres = list(self.genres[:size]) + [None] * (size - len(self.genres))
        return words(np.arange(size), genres, size)

    def _genre(self, size: int) -> Ragged:
        names = sorted({name for genres in self.genres for name in genres or ()})
        number = {name: at for at, name in enumerate(names)}
        lists = [sorted({number[name] for name in genres or ()}) for genres in self.genres[:size]]
        lists += [[] for _ in range(size - len(lists))]
        return from_lengths(np.array([len(one) for one in lists]), np.array([n for one in lists for n in one], np.int32))


def embedder(saved: Mapping[str, Saved]) -> Embedder:
    """What embeds listeners: their views by factorization and by content."""
    mf, content = saved.get("mf"), saved.get("content")
    side = mf and item_side(mf.arrays, mf.params)
    means = content and Content(np.asarray(content.arrays["vectors"]), content.params["inputs"])
    return Embedder(side, means)


def _places(cut: Cut, tracks: TrackSide) -> npt.NDArray[np.int32]:
    number = {name: at for at, name in enumerate(tracks.countries.tolist())}
    return np.array([number.get(name, -1) for name in cut.block.country.to_pylist()], np.int32)
