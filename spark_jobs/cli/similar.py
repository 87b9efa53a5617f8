"""`plant similar`: the tracks that sound most alike, by the cosine of what the network makes of their audio."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

import click

from conf import tables as t
from conf.audio import REASONS
from conf.errors import ContractError, UsageError
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

if TYPE_CHECKING:
    from spark_jobs.warehouse import Warehouse

Row = dict[str, Any]
COLUMNS = ("cosine", "title", "artists", "tempo", "key", "energy", "track_id")

_NEWEST = "select max(run_date) as run_date from track_audio"
_TRACK = "select track_id, audio from tracks where track_id = $track_id"
_OWN = "select network, embedding from track_audio where run_date = $run_date and track_id = $track_id"
_REFUSED = "select reason, detail from audio_quarantine where run_date = $run_date and track_id = $track_id"
_EMBEDDED = "select 1 as one from track_audio where run_date = $run_date and embedding is not null limit 1"
_CREDITS = "select track_id, title, artist_ids from tracks where list_contains($ids, track_id)"
_NAMES = "select artist_id, name from artists where list_contains($ids, artist_id)"
_SOUND = """
select track_id, tempo_bpm, tempo_conf, key_pc, key_mode, key_conf, energy, simulated from track_audio
where run_date = $run_date and list_contains($ids, track_id)
"""


@click.command()
@click.argument("track_id", metavar="TRACK")
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 1_000), help="How many tracks.")
@click.option("--run-date", type=click.DateTime(["%Y-%m-%d"]), help="Monday served; without it, the newest that was heard.")
@printing.json_option
@click.pass_obj
def similar_command(options: Options, track_id: str, count: int, run_date: datetime | None, as_json: bool) -> None:
    """Show the tracks that sound most like TRACK, an id of the catalogue.

    A cosine of 1 is the same sound; how far is far differs from network to network. A "?" marks a guess.
    """
    import_arrow_alone()
    from spark_jobs.warehouse import Warehouse

    found = find(Warehouse(options.settings().warehouse), track_id, count, run_date.date() if run_date else None)
    if as_json:
        printing.print_json(found)
        return
    own = told(found)
    note = " (simulated sound)" if found["simulated"] else ""
    click.echo(f"{own['title'] or track_id} by {own['artists'] or 'nobody known'}, as heard for {found['run_date']}{note}:")
    click.echo(f"{own['tempo'].strip()} bpm, {own['key']}, energy {own['energy']}")
    if found["similar"]:
        printing.print_grid(map(told, found["similar"]), COLUMNS)
    else:
        click.echo("no other track was heard by the same network")


def find(warehouse: Warehouse, track_id: str, count: int, run_date: date | None) -> Row:
    """The track and those that sound most alike, best first.

    Raises
    ------
    UsageError
        For a track that nobody knows, with the nearest ids.
    ContractError
        For one without an embedding, with what kept it from having one.
    """
    from spark_jobs.names import unknown_track
    from spark_jobs.queries import rows

    if not rows(warehouse, _TRACK, {"track_id": track_id}):
        raise UsageError(unknown_track(warehouse, track_id))
    monday = run_date or rows(warehouse, _NEWEST)[0]["run_date"]
    own = rows(warehouse, _OWN, {"run_date": monday, "track_id": track_id})
    if not own or own[0]["embedding"] is None:
        raise ContractError(_why_not(warehouse, track_id, monday, heard=bool(own)))
    week = warehouse.rows(t.TRACK_AUDIO, conditions=[("run_date", "=", monday), ("network", "=", own[0]["network"])])
    best = nearest(week.batches(["track_id", "embedding"]), own[0]["embedding"], track_id, count)
    known = _described(warehouse, [track_id, *best], monday)
    similar = [{"cosine": round(cosine, 4), **known[other]} for other, cosine in best.items()]
    return {"run_date": monday, **known[track_id], "similar": similar}


def nearest(batches: Iterable[Any], wanted: list[float], itself: str, count: int) -> dict[str, float]:
    """Track -> cosine of the `count` nearest, best first, equal ones by id; one batch is in memory at a time.

    Parameters
    ----------
    batches : of (track_id, embedding), embeddings of length 1. wanted : that of the track `itself`, which is left out.
    """
    import numpy as np

    towards, best = np.array(wanted, np.float32), list[tuple[float, str]]()
    for batch in batches:
        cosines = batch["embedding"].flatten().to_numpy().reshape(len(batch), -1) @ towards
        # One more than asked for, as one may be the track itself; all that equal the last one stay, so that ids decide.
        least = np.partition(cosines, -count - 1)[-count - 1] if len(cosines) > count else -np.inf
        near = np.flatnonzero(cosines >= least)
        names: list[str] = batch["track_id"].take(near).to_pylist()
        new = [(-float(cosine), name) for cosine, name in zip(cosines[near], names, strict=True) if name != itself]
        best = nsmallest(count, best + new)
    return {name: -cosine for cosine, name in best}


def told(row: Row) -> Row:
    """Cells of a track as people read them: a guess ends in "?", what is not there is "-".

    >>> shown = told({"artists": ["Ada"], "tempo_bpm": 90.04, "tempo_conf": 0.2, "key": None, "key_conf": 0.0, "energy": 0.5})
    >>> shown["tempo"], shown["key"], shown["energy"]
    ('90.0?', '-', '0.50')
    """
    from audio import key, tempo

    bpm = "-" if row["tempo_bpm"] is None else f"{row['tempo_bpm']:.1f}" + ("?" if row["tempo_conf"] < tempo.TRUSTED else " ")
    named = "-" if row["key"] is None else row["key"] + ("?" if row["key_conf"] < key.TRUSTED else "")
    cosine = f"{row['cosine']:.3f}" if "cosine" in row else ""
    artists = ", ".join(row["artists"])
    return row | {"artists": artists, "tempo": bpm, "key": named, "energy": f"{row['energy']:.2f}", "cosine": cosine}


def _why_not(warehouse: Warehouse, track_id: str, monday: date | None, heard: bool) -> str:
    """What kept a track of the catalogue from having an embedding, and what to do about it."""
    from spark_jobs.queries import rows

    if monday is None:
        return "no track was listened to yet: bring audio files below LANDING/audio, then run `plant week`"
    week = {"run_date": monday}
    refused = rows(warehouse, _REFUSED, {**week, "track_id": track_id})
    if refused:
        reason, detail = refused[0]["reason"], refused[0]["detail"]
        return f"the audio of {track_id} could not be heard: {reason} ({REASONS.get(reason, '')}): {detail}; docs/operations.md"
    if not rows(warehouse, _EMBEDDED, week):
        return (
            f"no track has an embedding for {monday}: the network learns from tracks with audio that several listeners heard, "
            f"`train_audio.min_tracks` of them at least; `plant status` tells whether train_audio and extract_audio ran"
        )
    if heard:
        return f"{track_id} was heard without a network: run `plant run extract_audio --run-date {monday}`"
    if rows(warehouse, _TRACK, {"track_id": track_id})[0]["audio"] is None:
        return f"{track_id} has no audio file: give its path below LANDING/audio as `audio` of its catalogue row"
    return f"{track_id} was not heard for {monday}, its file came later: run `plant run extract_audio --run-date {monday}`"


def _described(warehouse: Warehouse, ids: list[str], monday: date) -> dict[str, Row]:
    """What is shown of each track: title, artists, tempo, key, energy; a track that left the catalogue keeps its id alone."""
    from spark_jobs.hearing.rows import key_name
    from spark_jobs.queries import rows

    credits = {row["track_id"]: row for row in rows(warehouse, _CREDITS, {"ids": ids})}
    artists = sorted({artist for row in credits.values() for artist in row["artist_ids"] or []})
    names = {row["artist_id"]: row["name"] or row["artist_id"] for row in rows(warehouse, _NAMES, {"ids": artists})}
    described = {}
    for sound in rows(warehouse, _SOUND, {"run_date": monday, "ids": ids}):
        track = credits.get(sound["track_id"], {"title": None, "artist_ids": None})
        shown = {"track_id": sound["track_id"], "title": track["title"]}
        shown["artists"] = [names.get(artist, artist) for artist in track["artist_ids"] or []]
        described[sound["track_id"]] = shown | {"key": key_name(sound)} | sound
    return described
