"""rules and reasons -> sentences: what a person who asked why is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

from conf import tables as t
from models.sources.base import Reason
from spark_jobs.portraits.words import percent
from spark_jobs.serving.proposer import BLEND
from spark_jobs.why.evidence import Evidence
from spark_jobs.why.rules import Hearing, Obstacle

Row = dict[str, Any]
_EPOCH = date(1970, 1, 1)
_SHOWN = 3


def track(evidence: Evidence, number: int) -> str:
    """Title and main artist of a track, its id where it has no title."""
    catalogue = evidence.catalogue
    title = catalogue.title[number].as_py() or catalogue.track_id[number].as_py()
    artist = catalogue.main_artist[number].as_py()
    return f"{title} by {artist}" if artist else str(title)


def tracks(evidence: Evidence, numbers: Sequence[int]) -> str:
    """The first of several tracks, and how many more there are."""
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return ", ".join(track(evidence, number) for number in numbers[:_SHOWN]) + more


def place(hearing: Hearing) -> str:
    """How a listed track came to its place."""
    position, length = hearing.position, len(hearing.listed)
    start = f"it is track {position} of {length}"
    if hearing.origin != "wishes":
        where = hearing.evidence.home["country"] if hearing.origin == "country" else "everywhere"
        return f"{start}, filled in from the popular tracks of {where}: only {_wished(hearing)} of the wishes could be listed"
    turn = hearing.taken.index(hearing.track) + 1
    passed = (hearing.rank or 0) - turn
    how = f"{start}: rank {hearing.rank} of {len(hearing.wishes)} wishes"
    if passed:
        how += f", {passed} before it {'was' if passed == 1 else 'were'} passed over by a rule"
    if turn != position:
        how += f"; taken as number {turn}, moved so that no two neighbours share an artist"
    return how


def _wished(hearing: Hearing) -> int:
    return len(hearing.listed) - int(hearing.slates.filled[0])


def obstacle(hearing: Hearing, found: Obstacle) -> str:
    """One rule that keeps the track off."""
    return _TOLD[found.rule](hearing, found)


def _heard(hearing: Hearing, _: Obstacle) -> str:
    row = hearing.evidence.history
    at = list(hearing.heard).index(hearing.track)
    plays, completed, skipped, day = (row.column(name)[0][at].as_py() for name in ("plays", "completions", "skips", "last_day"))
    times = "once" if plays == 1 else f"{plays} times"
    return f"heard before: played {times} ({completed} completed, {skipped} skipped), last on {_EPOCH + timedelta(days=day)}"


def _version(what: str) -> Callable[[Hearing, Obstacle], str]:
    return lambda hearing, found: f"another version of it {what}: {tracks(hearing.evidence, found.tracks)}"


def _catalogue(hearing: Hearing, _: Obstacle) -> str:
    columns = ["blocked", "release_date", "countries"]
    evidence = hearing.evidence
    rows = evidence.events(t.TRACKS, columns, pc.field("track_idx") == hearing.track).to_pylist()
    if not rows:
        return "not in the catalogue any more"
    row = rows[0]
    if row["blocked"] is not False:
        return "blocked in the catalogue"
    if row["release_date"] and row["release_date"] > evidence.run_date:
        return f"not out yet: released on {row['release_date']}, after {evidence.run_date}"
    return "allowed in no country at all"


def _country(hearing: Hearing, _: Obstacle) -> str:
    catalogue, home = hearing.evidence.catalogue, hearing.evidence.home["country"]
    where = ", ".join(catalogue.country[int(number)].as_py() for number in catalogue.rules.countries.row(hearing.track))
    there = f"not allowed in {home}" if home else "the listener's country is unknown"
    return f"{there}: it may be played in {where} only"


def _blocked_artist(hearing: Hearing, found: Obstacle) -> str:
    ids = [hearing.evidence.catalogue.artist_id[number].as_py() for number in found.artists]
    names = dict(zip(_ids(hearing), hearing.evidence.catalogue.artists[hearing.track].as_py(), strict=True))
    return f"the listener blocked its artist {', '.join(names.get(artist, artist) for artist in ids)}"


def _ids(hearing: Hearing) -> list[str]:
    ids: list[str] = hearing.evidence.catalogue.artist_ids[hearing.track].as_py()
    return ids


def _artist_limit(hearing: Hearing, found: Obstacle) -> str:
    limit = hearing.evidence.settings.build_discover_weekly.per_artist
    rank = f"rank {hearing.rank}, but " if hearing.rank else ""
    most = "at most 1 track" if limit == 1 else f"at most {limit} tracks"
    return f"{rank}{most} of an artist: {tracks(hearing.evidence, found.tracks)} took the places"


def _below(hearing: Hearing, _: Obstacle) -> str:
    last = hearing.last_rank
    return f"below the list: rank {hearing.rank} of {len(hearing.wishes)}, the last that was taken has rank {last}"


def _not_wished(hearing: Hearing, _: Obstacle) -> str:
    proposers = [name for name, row in hearing.evidence.candidates.items() if hearing.track in row["track_idx"]]
    if not len(hearing.wishes):
        return "the listener has no wishes of their own: the list is made of popular tracks"
    if not proposers:
        return "no source proposed it"
    if BLEND not in proposers and hearing.model == BLEND:
        blended = len(hearing.evidence.candidates.get(BLEND, {"track_idx": ()})["track_idx"])
        return f"proposed by {', '.join(proposers)}, but not among the {blended} of the blend"
    return f"proposed by {', '.join(proposers)}, but not among the {len(hearing.wishes)} that the {hearing.model} keeps"


_TOLD: dict[str, Callable[[Hearing, Obstacle], str]] = {
    "heard": _heard,
    "heard_version": _version("was heard before"),
    "blocked_track": lambda hearing, found: "the listener blocked it",
    "blocked_track_version": _version("was blocked by the listener"),
    "blocked_artist": _blocked_artist,
    "catalogue": _catalogue,
    "country": _country,
    "version_listed": _version("is on the list"),
    "artist_limit": _artist_limit,
    "below": _below,
    "not_wished": _not_wished,
}


def reason(evidence: Evidence, found: Reason) -> str:
    """What a source says of its own score.

    Artists are numbered as trainers number them: in order of their ids.
    """
    share = percent(found.share)
    if found.kind == "track":
        return f"you heard {track(evidence, int(found.what))} ({share})"
    if found.kind == "friends":
        return f"{found.what} friends or listeners of your circles love it ({share})"
    if found.kind == "popular":
        return f"popular in {found.what}" if found.what else "popular everywhere"
    return f"{found.kind} {found.what} ({share})"
