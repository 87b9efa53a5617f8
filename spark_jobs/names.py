"""What people type -> rows: listeners and tracks by id or title, and a helpful refusal where nobody is called so."""

from __future__ import annotations

from typing import Any

from conf.errors import UsageError
from spark_jobs.queries import rows
from spark_jobs.warehouse import Warehouse

Row = dict[str, Any]
# In the order of their size: most unknown names are found missing before the log has to be scanned.
_KNOWN = tuple(f"select user_id from {table} where user_id = $user_id limit 1" for table in ("users", "histories", "listens"))
_NEAREST_LISTENERS = """
select user_id from (select user_id from users union select user_id from histories)
order by levenshtein(user_id, $user_id), user_id limit 3
"""
_TRACK = """
select track_id, track_idx, title, artist_ids, genres, release_date, countries, blocked, simulated from tracks
where track_id = $text or (lower(title) = lower($text) and not exists (select 1 from tracks where track_id = $text))
order by track_id limit 6
"""
# People remember titles: an id or a title that is spelt nearly so.
_NEAREST_TRACKS = """
select track_id, title from tracks
order by least(levenshtein(track_id, $text), levenshtein(lower(coalesce(title, track_id)), lower($text))), track_id limit 3
"""
_ARTISTS = "select artist_id, name from artists where list_contains($ids, artist_id)"


def check_listener(warehouse: Warehouse, user_id: str) -> None:
    """UsageError for a listener nobody knows, with the nearest ids."""
    if any(rows(warehouse, query, {"user_id": user_id}) for query in _KNOWN):
        return
    nearest = ", ".join(row["user_id"] for row in rows(warehouse, _NEAREST_LISTENERS, {"user_id": user_id}))
    raise UsageError(f"no listener is called {user_id!r}" + (f": nearest are {nearest}" if nearest else ""))


def find_track(warehouse: Warehouse, text: str) -> Row:
    """The track with this id, or the only one with this title; UsageError for no such track and for several."""
    found = rows(warehouse, _TRACK, {"text": text})
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(row["track_id"] for row in found[:5]) + (", ..." if len(found) > 5 else "")
        raise UsageError(f"several tracks are called {text!r}: give an id, {ids}")
    raise UsageError(unknown_track(warehouse, text))


def unknown_track(warehouse: Warehouse, text: str) -> str:
    """That no track is called so, and which ids and titles come nearest."""
    near = [f"{row['track_id']} ({row['title']})" for row in rows(warehouse, _NEAREST_TRACKS, {"text": text})]
    return f"no track is called {text!r}" + (f": nearest are {', '.join(near)}" if near else "")


def artist_names(warehouse: Warehouse, ids: list[str]) -> dict[str, str]:
    """Name of each artist; one without a name, or who left the catalogue, is called by the id."""
    found = {row["artist_id"]: row["name"] for row in rows(warehouse, _ARTISTS, {"ids": ids})} if ids else {}
    return {artist: found.get(artist) or artist for artist in ids}
