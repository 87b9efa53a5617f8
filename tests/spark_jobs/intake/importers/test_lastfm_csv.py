"""Last.fm CSV: both layouts, their dates, and what is no scrobble."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conf.errors import LandingError
from spark_jobs.intake.importers.identity import artist_id_of_name, track_id_of_names
from spark_jobs.intake.importers.lastfm_csv import read

HEADER = "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
MGLA = '"1767265200","01 Jan 2026, 11:00","Mgła","mb-1","Exercises in Futility","","I",""\n'


def imported(tmp_path, text, encoding="utf-8"):
    (tmp_path / "scrobbles.csv").write_bytes(text.encode(encoding))
    return read(tmp_path / "scrobbles.csv", tmp_path / "landing", user_id="ann")


def test_layout_with_header(tmp_path, rows):
    report = imported(tmp_path, HEADER + MGLA)
    track_id, artist_id = track_id_of_names("Mgła", "I"), artist_id_of_name("Mgła")
    started = datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert rows(tmp_path / "landing", "listens") == [{"user_id": "ann", "track_id": track_id, "started_at": started}]
    assert rows(tmp_path / "landing", "tracks") == [
        {"track_id": track_id, "title": "I", "artist_ids": [artist_id], "album": "Exercises in Futility"}
    ]
    assert rows(tmp_path / "landing", "artists") == [{"artist_id": artist_id, "name": "Mgła"}]
    assert report.written == {"artists": 1, "listens": 1, "tracks": 1, "users": 1}
    assert report.left_out == {}


def test_layout_without_header(tmp_path, rows):
    # the track still playing has no date; a comma inside quotes is part of the name
    still_playing, quoted = "Blur,The Magic Whip,Go Out,\n", '"Tyler, The Creator",Igor,I THINK,22 Mar 2021 16:51\n'
    text = still_playing + "Blur,,New World Towers,22 Mar 2021 16:55\n" + quoted
    report = imported(tmp_path, text)
    assert [row["started_at"] for row in rows(tmp_path / "landing", "listens")] == [
        datetime(2021, 3, 22, 16, 55, tzinfo=UTC),
        datetime(2021, 3, 22, 16, 51, tzinfo=UTC),
    ]
    assert [row["name"] for row in rows(tmp_path / "landing", "artists")] == ["Blur", "Tyler, The Creator"]
    assert [row.get("album") for row in rows(tmp_path / "landing", "tracks")] == [None, "Igor"]
    assert report.left_out == {"undated": 1}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + MGLA,  # a spreadsheet's byte order mark
        HEADER.replace("\n", "\r\n") + MGLA.replace("\n", "\r\n"),
        "Artist,Track,UTS,loved\nMgła,I,1767265200,1\n",  # other order, case and columns
        "artist,album,track,date\nMgła,,I,01 Jan 2026 11:00\n",  # the four columns with a header put above
        HEADER + "\n" + MGLA + "\n\n",  # blank lines
    ],
)
def test_variants_of_the_same_scrobble(tmp_path, rows, text):
    imported(tmp_path, text)
    [listen] = rows(tmp_path / "landing", "listens")
    assert (listen["track_id"], listen["started_at"].hour) == (track_id_of_names("Mgła", "I"), 11)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('"","","Mgła","","","","II",""', "undated"),
        ('"0","","Mgła","","","","II",""', "undated"),
        ('"soon","","Mgła","","","","II",""', "unreadable date"),
        ('"300","","Mgła","","","","II",""', "dated before Last.fm"),
        ('"1767265200",""," ","","","","II",""', "no artist or track"),
        ('"1767265200","","Mgła"', "ragged row"),
    ],
)
def test_left_out_and_counted(tmp_path, row, reason):
    report = imported(tmp_path, HEADER + MGLA + row + "\n")
    assert (report.left_out, report.written["listens"]) == ({reason: 1}, 1)


def test_album_of_a_later_scrobble_fills_the_gap(tmp_path, rows):
    imported(tmp_path, HEADER + MGLA.replace("Exercises in Futility", "") + MGLA)
    assert [track["album"] for track in rows(tmp_path / "landing", "tracks")] == ["Exercises in Futility"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "saw an empty file in scrobbles.csv"),
        ("user,song\nann,I\n", r"saw a first row \['user', 'song'\] in scrobbles.csv"),
        ("a,b,c,d\ne,f,g,h\n", r"saw a first row \['a', 'b', 'c', 'd'\]"),
        ('[{"ts": 1}]', "saw a first row"),
    ],
)
def test_wrong_file_says_what_it_saw(tmp_path, text, seen):
    with pytest.raises(LandingError, match=f"expected a Last.fm CSV .*{seen}"):
        imported(tmp_path, text)
    assert not (tmp_path / "landing").exists()


def test_other_encoding_is_named_with_the_line(tmp_path):
    with pytest.raises(LandingError, match=r"in UTF-8, saw .* in scrobbles\.csv after line \d+; export or save it again"):
        imported(tmp_path, HEADER + MGLA.replace("Mgła", "Björk"), encoding="latin-1")


def test_folder_without_csv_says_what_it_holds(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.json").write_text("[]")
    with pytest.raises(LandingError, match=r"expected a Last.fm CSV .*saw \['a.json'\]"):
        read(tmp_path / "in", tmp_path / "landing", user_id="ann")
