"""Catalogue, listeners and what surrounds them -> ENTITY/ENTITY.jsonl of the landing format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from models.world import World, company, genres, names
from models.world.ids import artist_ids, track_ids, user_ids
from models.world.listening import Listens
from models.world.places import COUNTRIES, PLACES
from models.world.playback import FEEDBACK
from models.world.streams import stream
from spark_jobs.intake.world_files.rows import Row, RowMaker, line

BOT_PLACE = 0


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as JSON lines; return their number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        return append_rows(file, rows)


def append_rows(file: BinaryIO, rows: Iterable[Row]) -> int:
    """Append rows, each marked as simulated, to an open file; return their number."""
    written, lines = 0, (line(row | {"simulated": True}) for row in rows)
    while chunk := list(islice(lines, 10_000)):
        file.write(b"\n".join(chunk) + b"\n")
        written += len(chunk)
    return written


def artist_rows(world: World) -> Iterator[Row]:
    """Yield artists with their one or two genres."""
    c, n = world.catalogue, world.size.artists
    shown = names.artist_names(stream(world.seed, "artist names"), n)
    for i, artist_id in enumerate(artist_ids(n).tolist()):
        own = [genres.NAMES[c.scene_genre[c.artist_scene[i]]]]
        second = [genres.NAMES[c.artist_second[i]]] if c.artist_second[i] >= 0 else []
        yield {"artist_id": artist_id, "name": shown[i], "genres": own + second}


def track_rows(world: World, audio: dict[int, str]) -> Iterator[Row]:
    """Yield tracks; an artist's tracks of one year share an album. `audio` has the paths of those that have sound."""
    c, n = world.catalogue, world.size.tracks
    artists, rng = artist_ids(world.size.artists).tolist(), stream(world.seed, "titles")
    shown = names.titles(rng, n)
    albums: dict[tuple[int, int], str] = {}
    for i, track_id in enumerate(track_ids(n).tolist()):
        released = world.first_day + timedelta(days=int(c.release_day[i]))
        album = albums.setdefault((int(c.track_artist[i]), released.year), shown[i])
        allowed = [COUNTRIES[j] for j in np.flatnonzero(c.allowed[i])]
        yield {
            "track_id": track_id,
            "title": shown[i],
            "artist_ids": [artists[a] for a in (c.track_artist[i], c.track_guest[i]) if a >= 0],
            "album": album,
            "duration_ms": int(c.duration_ms[i]),
            "release_date": released.isoformat(),
            "isrc": f"ZZSIM{released.year % 100:02d}{i:05d}",
            "explicit": bool(c.explicit[i]),
            "countries": None if len(allowed) == len(COUNTRIES) else allowed,
            "blocked": True if c.blocked[i] else None,
            "genres": [genres.NAMES[c.track_genre[i]]],
            "audio": audio.get(i),
        }


def user_rows(world: World) -> Iterator[Row]:
    """Yield listeners, then bots, which look like listeners."""
    places = [*world.listeners.place.tolist(), *[BOT_PLACE] * world.size.bots]
    for user_id, place in zip(user_ids(len(places)).tolist(), places, strict=True):
        yield {"user_id": user_id, "timezone": PLACES[place].timezone, "country": PLACES[place].country}


def follow_rows(world: World) -> Iterator[Row]:
    """Yield friendships, a row for each direction."""
    users = user_ids(world.size.listeners)
    pairs = company.friendships(world)
    for user, followed in zip(users[pairs.user].tolist(), users[pairs.followed].tolist(), strict=True):
        yield {"user_id": user, "followed_id": followed}


def tag_rows(world: World) -> Iterator[Row]:
    """Yield tags of artists, then of tracks."""
    for entity, ids in (("artist", artist_ids(world.size.artists)), ("track", track_ids(world.size.tracks))):
        tags = company.tags_of(world, entity)
        columns = (ids[tags.entity].tolist(), tags.tag.tolist(), tags.weight.tolist())
        for entity_id, tag, weight in zip(*columns, strict=True):
            yield {"entity": entity, "entity_id": entity_id, "tag": tag, "weight": float(weight)}


def exposure_rows(world: World, maker: RowMaker) -> Iterator[Row]:
    """Yield what another system's chart shelf showed."""
    shown = company.exposures(world)
    columns = (
        user_ids(world.size.listeners)[shown.listener].tolist(),
        track_ids(world.size.tracks)[shown.track].tolist(),
        maker.instants(shown.shown_ms).tolist(),
        shown.position.tolist(),
        shown.propensity.tolist(),
    )
    for user, track, at, position, propensity in zip(*columns, strict=True):
        yield {"user_id": user, "track_id": track, "surface": "foreign_chart_shelf", "shown_at": at,
               "position": position, "propensity": propensity}  # fmt: skip


def feedback_rows(world: World, block: Listens, maker: RowMaker) -> Iterator[Row]:
    """Yield saves and blocks of a block of listeners, the first of each kind and track."""
    rows = np.flatnonzero(block.feedback)
    pair = (block.listener[rows].astype(np.int64) * world.size.tracks + block.track[rows]) * len(FEEDBACK)
    _, first = np.unique(pair + block.feedback[rows], return_index=True)
    rows = rows[np.sort(first)]
    users, at = user_ids(world.size.listeners), maker.instants(block.start_ms[rows] + block.ms_played[rows])
    tracks, artists = track_ids(world.size.tracks), artist_ids(world.size.artists)
    for row, when in zip(rows.tolist(), at.tolist(), strict=True):
        kind = FEEDBACK[block.feedback[row]]
        track = block.track[row]
        of_artist = kind == "block_artist"
        yield {
            "user_id": str(users[block.listener[row]]),
            "kind": kind.split("_")[0],
            "entity": "artist" if of_artist else "track",
            "entity_id": str(artists[world.catalogue.track_artist[track]] if of_artist else tracks[track]),
            "at": when,
        }


def playlist_rows(world: World, block: Listens, number: int, maker: RowMaker) -> Iterator[Row]:
    """Yield the playlists of a block of listeners."""
    users, tracks = user_ids(world.size.listeners), track_ids(world.size.tracks)
    for i, playlist in enumerate(company.playlists(world, block, number)):
        yield {
            "playlist_id": f"p{number:04d}{i:05d}",
            "user_id": str(users[playlist.listener]),
            "name": playlist.name,
            "track_ids": tracks[playlist.tracks].tolist(),
            "updated_at": maker.instants(np.array([playlist.updated_ms])).tolist()[0],
        }
