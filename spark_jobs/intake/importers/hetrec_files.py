"""The five tab-separated files of HetRec 2011 Last.fm as frames of the right types.

Cantador, Brusilovsky & Kuflik 2011 (https://doi.org/10.1145/2043932.2044016). `artists.dat` is UTF-8 with stray quotes
(read without quoting), `tags.dat` is Latin-1.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from conf.errors import LandingError
from spark_jobs.intake.importers.source_files import source_files

INT, TEXT = "int64", "str"
# file -> (encoding, column in the file -> (our name, type)); other columns are not read.
FILES: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "artists.dat": ("utf-8", {"id": ("artist", INT), "name": ("name", TEXT)}),
    "user_artists.dat": ("utf-8", {"userID": ("user", INT), "artistID": ("artist", INT), "weight": ("plays", INT)}),
    "user_friends.dat": ("utf-8", {"userID": ("user", INT), "friendID": ("friend", INT)}),
    "tags.dat": ("latin-1", {"tagID": ("tag_number", INT), "tagValue": ("tag", TEXT)}),
    "user_taggedartists.dat": (
        "utf-8",
        {"userID": ("user", INT), "artistID": ("artist", INT), "tagID": ("tag_number", INT), "year": ("year", INT)},
    ),
}


@dataclass(frozen=True)
class HetRec:
    """Frames with the files' own integer ids.

    artists : artist, name. plays : user, artist, plays (counts, at least 1). friends : user, friend.
    tags : tag_number, tag. taggings : user, artist, tag_number, year.
    """

    artists: pd.DataFrame
    plays: pd.DataFrame
    friends: pd.DataFrame
    tags: pd.DataFrame
    taggings: pd.DataFrame


def read_hetrec(source: Path) -> HetRec:
    """Read all five files; LandingError for one that is absent or other than it should be."""
    with source_files(source) as files:
        names = [file.name for file in files]
    if not source.is_dir() or set(FILES) - set(names):
        missing = ", ".join(sorted(set(FILES) - set(names)))
        raise LandingError(f"expected the HetRec 2011 Last.fm folder with {missing}, saw {names[:6]} in {source}")
    artists, plays, friends, tags, taggings = (_frame(source / name, *FILES[name]) for name in FILES)
    if (plays["plays"] < 1).any() or plays.duplicated(["user", "artist"]).any() or not artists["artist"].is_unique:
        raise LandingError(f"{source} has a play count below 1, a pair or an artist twice; fetch the data set again")
    return HetRec(artists, plays, friends, tags, taggings)


def _frame(path: Path, encoding: str, columns: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """Columns of one file, renamed and typed; LandingError says what was seen instead."""
    expected = f"expected a HetRec {path.name} with tab-separated {', '.join(columns)}"
    types = {name: kind for name, (_, kind) in columns.items()}
    try:
        frame = pd.read_csv(
            path, sep="\t", encoding=encoding, quoting=csv.QUOTE_NONE, usecols=list(columns), dtype=types,
            keep_default_na=False,
        )  # fmt: skip
    except (ValueError, UnicodeDecodeError) as error:  # pandas raises ValueError for columns, types and empty files
        with path.open("rb") as stream:
            head = stream.readline(120).decode(encoding, "replace").strip()
        raise LandingError(f"{expected}, saw {head!r} in {path} ({error})") from None
    return frame.rename(columns={name: ours for name, (ours, _) in columns.items()})
