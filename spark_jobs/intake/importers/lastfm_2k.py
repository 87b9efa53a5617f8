"""HetRec 2011 Last.fm (lastfm-2k) -> landing, and a fifth of the real listener-artist pairs -> truth/held_out.parquet.

1,892 listeners' play counts per artist are real, and so are names, tags, friends and, hung under the artists by
normalised name, the tracks. Which track was played when is simulated (`play_spread`) and every listen says so. Pairs
whose artist has no track in the catalogue are dropped and counted; spellings of one artist ("Scorpions", "The
Scorpions") are one artist. The held-out pairs are for evaluation only and never touch the landing: a model sees an
artist of them only through other listeners.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from conf.errors import LandingError
from conf.landing import truth_beside
from spark_jobs.intake.importers.contract import ImportReport
from spark_jobs.intake.importers.hetrec_files import HetRec, read_hetrec
from spark_jobs.intake.importers.identity import join_key
from spark_jobs.intake.importers.landing_writer import LandingWriter
from spark_jobs.intake.importers.play_spread import hold_out, spread
from spark_jobs.intake.importers.track_catalogue import TrackCatalogue, read_catalogue

NAME = "lastfm-2k"
UNTIL = date(2026, 9, 6)  # the Sunday before Monday 2026-09-07
FOUNDED = 2002  # of Last.fm; five taggings are dated 1956 to 1979
USER, ARTIST = "lastfm2k-user-", "lastfm2k-artist-"  # ids stay apart from those of other sources


def read(source: Path, landing: Path, *, tracks: Path, seed: int = 1, until: date = UNTIL) -> ImportReport:
    """Write `landing` and, beside it, `truth/held_out.parquet` (user_id, artist_id, plays)."""
    data, catalogue = read_hetrec(source), read_catalogue(tracks)
    with LandingWriter(landing, NAME) as writer:
        held_out_path = _held_out_path(landing)
        artist_of = _artists_with_tracks(data, catalogue.tracks, writer)
        catalogue_tracks = _tracks_of(artist_of, catalogue, writer)
        pairs = _pairs(data.plays, artist_of, writer)
        held = hold_out(pairs, seed)
        listens = spread(pairs[~held], catalogue_tracks, until, seed)
        _write_catalogue(artist_of, catalogue_tracks, writer)
        _write_tags(data, artist_of, writer)
        _write_listeners(data, artist_of, writer)
        writer.add_batch("listens", _listen_rows(listens))
        writer.facts.update(seed=seed, until=until.isoformat(), **_counts(data, pairs, held))
        staged = _stage_held_out(pairs[held], held_out_path, landing, seed)
    staged.replace(held_out_path)
    return writer.report()


def _artists_with_tracks(data: HetRec, tracks: pd.DataFrame, writer: LandingWriter) -> pd.DataFrame:
    """artist, into, name, key: artists with a track, each mapped `into` the spelling with most listeners (ties: lowest id)."""
    listeners = data.plays.groupby("artist").size().rename("listeners")
    artists = data.artists.assign(key=data.artists["name"].map(join_key)).join(listeners, on="artist")
    known = artists[artists["key"].isin(tracks["artist_key"])]
    writer.leave_out("artists without tracks", len(artists) - len(known))
    ranked = known.sort_values(["key", "listeners", "artist"], ascending=[True, False, True])
    main = ranked.drop_duplicates("key").set_index("key")["artist"]
    merged = known.assign(into=known["key"].map(main))
    writer.facts["artists_merged_by_spelling"] = int((merged["artist"] != merged["into"]).sum())
    return merged.loc[:, ["artist", "into", "name", "key"]]


def _tracks_of(artist_of: pd.DataFrame, catalogue: TrackCatalogue, writer: LandingWriter) -> pd.DataFrame:
    """Catalogue rows of the artists, with their `artist` id; the others are counted."""
    main = artist_of[artist_of["artist"] == artist_of["into"]].set_index("key")["artist"]
    tracks = catalogue.tracks[catalogue.tracks["artist_key"].isin(main.index)]
    writer.leave_out("catalogue tracks of artists nobody plays", len(catalogue.tracks) - len(tracks))
    writer.leave_out("catalogue rows that are another row's track", catalogue.merged)
    writer.leave_out("catalogue rows without title", catalogue.untitled)
    return tracks.assign(artist=tracks["artist_key"].map(main)).reset_index(drop=True)


def _pairs(plays: pd.DataFrame, artist_of: pd.DataFrame, writer: LandingWriter) -> pd.DataFrame:
    """user, artist, plays of the artists with tracks, spellings added up."""
    into = artist_of.set_index("artist")["into"]
    known = plays[plays["artist"].isin(into.index)]
    merged = known.assign(artist=known["artist"].map(into))
    pairs = merged.groupby(["user", "artist"])["plays"].sum().reset_index()
    if pairs.empty:
        raise LandingError("no artist that anybody plays is in the track catalogue; is --tracks the right folder?")
    writer.leave_out("pairs without tracks", len(plays) - len(known))
    writer.leave_out("pairs added to another spelling's", len(known) - len(pairs))
    return pairs


def _write_catalogue(artist_of: pd.DataFrame, tracks: pd.DataFrame, writer: LandingWriter) -> None:
    """Write artists and tracks."""
    main = artist_of[artist_of["artist"] == artist_of["into"]].sort_values("artist")
    writer.add_batch("artists", pa.table({"artist_id": _ids(ARTIST, main["artist"]), "name": main["name"].tolist()}))
    artist_ids = [[artist_id] for artist_id in _ids(ARTIST, tracks["artist"])]
    rows = pa.Table.from_pandas(tracks.drop(columns=["artist", "artist_key"]), preserve_index=False)
    writer.add_batch("tracks", rows.append_column("artist_ids", pa.array(artist_ids, pa.list_(pa.string()))))


def _write_tags(data: HetRec, artist_of: pd.DataFrame, writer: LandingWriter) -> None:
    """Write the artists' tags, weighted by the listeners who set them."""
    taggings = data.taggings.merge(data.tags, on="tag_number", how="left")
    taggings["tag"] = taggings["tag"].fillna("").str.strip().str.lower()
    dated = taggings[taggings["year"] >= FOUNDED]
    writer.leave_out("taggings dated before Last.fm", len(taggings) - len(dated))
    worded = dated[dated["tag"] != ""]
    writer.leave_out("taggings without a word", len(dated) - len(worded))
    tagged = worded[worded["artist"].isin(artist_of["artist"])]
    writer.leave_out("taggings of artists without tracks", len(worded) - len(tagged))
    tagged = tagged.assign(artist=tagged["artist"].map(artist_of.set_index("artist")["into"]))
    people = tagged.drop_duplicates(["user", "artist", "tag"])
    writer.leave_out("taggings of another spelling by the same listener", len(tagged) - len(people))
    weights = people.groupby(["artist", "tag"]).size().rename("weight").reset_index()
    rows = weights.assign(entity="artist", entity_id=_ids(ARTIST, weights["artist"])).drop(columns="artist")
    writer.add_batch("tags", pa.Table.from_pandas(rows, preserve_index=False))


def _write_listeners(data: HetRec, artist_of: pd.DataFrame, writer: LandingWriter) -> None:
    """Write users and follows: everybody, also who plays no artist with a track."""
    users = np.unique(data.plays["user"])
    writer.add_batch("users", pa.table({"user_id": _ids(USER, pd.Series(users))}))
    known = data.friends[data.friends["user"].isin(users) & data.friends["friend"].isin(users)]
    writer.leave_out("friends who play nothing", len(data.friends) - len(known))
    known = known.sort_values(["user", "friend"])
    follows = {"user_id": _ids(USER, known["user"]), "followed_id": _ids(USER, known["friend"])}
    writer.add_batch("follows", pa.table(follows))
    heard = data.plays.loc[data.plays["artist"].isin(artist_of["artist"]), "user"].nunique()
    writer.facts["listeners_without_listens"] = len(users) - int(heard)


def _listen_rows(listens: pd.DataFrame) -> pa.Table:
    """Landing rows of the simulated listens."""
    rows = listens.drop(columns="user").assign(user_id=_ids(USER, listens["user"]), reason_end="trackdone", simulated=True)
    return pa.Table.from_pandas(rows, preserve_index=False)


def _counts(data: HetRec, pairs: pd.DataFrame, held: pd.Series[bool]) -> dict[str, int]:
    """Numbers of the report beside rows and reasons."""
    counts = {"listeners": data.plays["user"].nunique(), "pairs": len(data.plays), "pairs_with_tracks": len(pairs)}
    counts |= {"pairs_kept": int((~held).sum()), "pairs_held_out": int(held.sum())}
    return counts | {"real_plays_kept": int(pairs.loc[~held, "plays"].sum())}


def _held_out_path(landing: Path) -> Path:
    """Where the truth goes; LandingError where another landing's truth or a link is in its place."""
    folder = truth_beside(landing.absolute())
    path = folder / "held_out.parquet"
    if folder.is_symlink() or path.is_symlink():
        raise LandingError(f"{path} is reached through a link; give a --landing whose parent holds no link called truth")
    if path.exists():
        owner = (pq.read_schema(path).metadata or {}).get(b"landing", b"?").decode()
        if owner != landing.absolute().name:
            raise LandingError(f"{path} belongs to landing {owner}; give a --landing in a folder of its own")
    return path


def _stage_held_out(pairs: pd.DataFrame, path: Path, landing: Path, seed: int) -> Path:
    """Write the held-out pairs under a temporary name beside `path`; the caller renames it."""
    rows = pairs.sort_values(["user", "artist"])
    ids = {"user_id": _ids(USER, rows["user"]), "artist_id": _ids(ARTIST, rows["artist"])}
    table = pa.table({**ids, "plays": rows["plays"].tolist()})
    about = {"importer": NAME, "landing": landing.absolute().name, "seed": str(seed)}
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.importing")
    pq.write_table(table.replace_schema_metadata(about), staged)
    return staged


def _ids(prefix: str, numbers: pd.Series) -> list[str]:
    """External ids of the data set's integers."""
    return [f"{prefix}{number}" for number in numbers.tolist()]
