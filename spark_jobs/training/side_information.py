"""tracks, artists, tags -> catalogue for trainers: who made each track, when it came out, and what is written about it.

What is written is one document a track: genres and tags as whole tokens (`genre:hip_hop`, a tag twice where it is strong),
title and artist words, lyrics where given. Half of all tags stand on artists, so a track carries its artists' too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.sources.base import CATALOGUE_COLUMNS, UNDATED, Catalogue
from spark_jobs.contract import Rows

DATED = [*CATALOGUE_COLUMNS, "artist_ids"]
WRITTEN = [*DATED, "title", "genres", "lyrics"]
# Words of the lyrics that count: choruses repeat, and a document of a thousand words would drown its tags.
LYRICS_WORDS = 300
# A tag of at least this weight is written twice.
STRONG = 2.0


def plain(tracks: Rows, served_on: date) -> Catalogue:
    """Which tracks there are and what may be proposed."""
    return Catalogue.from_arrow(tracks.table(columns=CATALOGUE_COLUMNS), served_on)


def dated(tracks: Rows, served_on: date) -> Catalogue:
    """`plain`, with main artists (numbered in order of artist_id) and release days."""
    return _dated(tracks.table(columns=DATED), served_on)


def written(tracks: Rows, artists: Rows, tags: Rows, served_on: date) -> Catalogue:
    """`dated`, with what is written about each track."""
    rows = tracks.table(columns=WRITTEN)
    catalogue = _dated(rows, served_on)
    texts = [""] * len(catalogue)
    about_artist = _about_artists(artists.table(columns=["artist_id", "name", "genres"]), tags)
    about_track = _tags(tags, "track")
    for row in rows.select(["track_idx", "track_id", "artist_ids", "title", "genres", "lyrics"]).to_pylist():
        own = [*_genres(row["genres"]), *about_track.get(row["track_id"], []), row["title"] or ""]
        theirs = [word for artist in row["artist_ids"] or [] for word in about_artist.get(artist, [])]
        lyrics = (row["lyrics"] or "").split()[:LYRICS_WORDS]
        texts[row["track_idx"]] = " ".join([*own, *theirs, *lyrics])
    return replace(catalogue, text=pa.array(texts, pa.string()))


def with_sound(catalogue: Catalogue, tracks: Rows, track_audio: Rows) -> Catalogue:
    """The catalogue with the embeddings of its tracks that have any; as it was where none has.

    Those of one network alone, the one that most rows have: what two networks make of a sound has nothing in common.
    """
    heard = track_audio.table(columns=["track_id", "network", "embedding"], where=pc.field("embedding").is_valid())
    numbers = tracks.table(columns=["track_id", "track_idx"])
    heard = heard.filter(pc.is_in(heard["track_id"], value_set=numbers["track_id"].combine_chunks()))
    if not len(heard):
        return catalogue
    heard = one_network(heard)
    place = pc.index_in(heard["track_id"], value_set=numbers["track_id"].combine_chunks()).combine_chunks()
    idx = numbers["track_idx"].combine_chunks().take(place).to_numpy()
    embeddings = heard["embedding"].combine_chunks().flatten().to_numpy().reshape(len(heard), -1)
    sound = np.zeros((len(catalogue), embeddings.shape[1]), np.float32)
    sound[idx] = embeddings
    return replace(catalogue, sound=sound)


def one_network(heard: pa.Table) -> pa.Table:
    """Rows of the network that most of them have: what two networks make of a sound has nothing in common."""
    networks = heard["network"].value_counts().to_pylist()
    return heard.filter(pc.equal(heard["network"], max(networks, key=lambda one: (one["counts"], one["values"]))["values"]))


def _dated(rows: pa.Table, served_on: date) -> Catalogue:
    catalogue = Catalogue.from_arrow(rows, served_on)
    idx = rows["track_idx"].to_numpy()
    artist = np.full(len(catalogue), -1, np.int32)
    artist[idx] = main_artists(rows["artist_ids"])[0]
    released = np.full(len(catalogue), UNDATED, np.int32)
    days = rows["release_date"].combine_chunks().cast(pa.int32())
    released[idx] = days.fill_null(int(UNDATED)).to_numpy()
    return replace(catalogue, artist=artist, released=released)


def main_artists(artist_ids: Any) -> tuple[npt.NDArray[np.int32], pa.Array[Any]]:
    """(number of the first artist of each row, -1 for none; artist ids in order of number)."""
    lists = artist_ids.combine_chunks() if isinstance(artist_ids, pa.ChunkedArray) else artist_ids
    credited = pc.fill_null(pc.greater(pc.list_value_length(lists), 0), False)
    main = pc.list_element(lists.filter(credited), 0)
    names = pc.unique(main).sort()
    number = np.full(len(lists), -1, np.int32)
    number[credited.to_numpy(zero_copy_only=False)] = pc.index_in(main, value_set=names).fill_null(-1).to_numpy()
    return number, names


def _about_artists(artists: pa.Table, tags: Rows) -> dict[str, list[str]]:
    """artist_id -> words that each of the artist's tracks carries."""
    tagged = _tags(tags, "artist")
    return {
        row["artist_id"]: [*_genres(row["genres"]), *tagged.get(row["artist_id"], []), row["name"] or ""]
        for row in artists.to_pylist()
    }


def _tags(tags: Rows, entity: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = tags.table(columns=["entity_id", "tag", "weight"], where=pc.field("entity") == entity)
    for row in rows.sort_by([("entity_id", "ascending"), ("tag", "ascending")]).to_pylist():
        found.setdefault(row["entity_id"], []).extend([_token("tag", row["tag"])] * (2 if row["weight"] >= STRONG else 1))
    return found


def _genres(genres: list[str] | None) -> list[str]:
    return [_token("genre", genre) for genre in genres or []]


def _token(kind: str, words: str) -> str:
    """One token of several words.

    >>> _token("tag", "Trip Hop")
    'tag:trip_hop'
    """
    return f"{kind}:{'_'.join(words.lower().split())}"
