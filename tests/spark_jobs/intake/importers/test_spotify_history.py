"""Spotify extended streaming history: ends become starts, what is no music stays out, nothing private comes along."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime

import orjson
import pytest

from conf.errors import LandingError
from spark_jobs.intake.importers.identity import artist_id_of_name
from spark_jobs.intake.importers.spotify_history import read

CANARY = "203.0.113.77"


def play(ts="2024-03-01T10:03:20Z", ms=200_000, track="Hyperballad", artist="Björk", uri="4wa7", **other):
    names = {"master_metadata_track_name": track, "master_metadata_album_artist_name": artist}
    names |= {"master_metadata_album_album_name": "Post", "spotify_track_uri": uri and f"spotify:track:{uri}"}
    state = {"reason_start": "clickrow", "reason_end": "trackdone", "shuffle": False, "skipped": False, "offline": False}
    place = {"platform": "Android OS 9 API 28 (samsung)", "conn_country": "IS", "ip_addr": CANARY, "incognito_mode": False}
    return {"ts": ts, "ms_played": ms, **names, **state, **place, "episode_name": None, "spotify_episode_uri": None} | other


def history(folder, *plays, name="Streaming_History_Audio_2024_0.json"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(orjson.dumps(list(plays)))
    return folder


def test_play_is_written_with_its_start(tmp_path, rows):
    report = read(history(tmp_path / "in", play()), tmp_path / "landing", user_id="ann")
    # ts is the end: 200 s before 10:03:20 is 10:00:00
    started = datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert rows(tmp_path / "landing", "listens") == [
        {"user_id": "ann", "track_id": "spotify-4wa7", "started_at": started, "ms_played": 200_000, "device": "phone",
         "platform": "Android OS 9 API 28 (samsung)", "reason_end": "trackdone"}
    ]  # fmt: skip
    artist_id = artist_id_of_name("Björk")
    assert rows(tmp_path / "landing", "artists") == [{"artist_id": artist_id, "name": "Björk"}]
    track = {"track_id": "spotify-4wa7", "title": "Hyperballad", "artist_ids": [artist_id], "album": "Post"}
    assert rows(tmp_path / "landing", "tracks") == [track | {"duration_ms": 200_000}]
    assert rows(tmp_path / "landing", "users") == [{"user_id": "ann", "country": "IS"}]
    assert report.written == {"artists": 1, "listens": 1, "tracks": 1, "users": 1}


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        (
            play(track=None, artist=None, uri=None, episode_name="News", spotify_episode_uri="spotify:episode:1"),
            "podcast episode",
        ),
        (play(track=None, artist=None, uri=None, audiobook_title="Ulysses"), "audiobook"),
        (play(track=None), "no track"),
        (play(artist=" "), "no track"),
        (play(incognito_mode=True), "private session"),
        (play(ts="yesterday"), "no valid ts or ms_played"),
        (play(ts="2024-03-01T10:03:20"), "no valid ts or ms_played"),  # no offset: which instant is unknown
        (play(ts="0001-01-01T00:00:01Z"), "no valid ts or ms_played"),
        (play(ms=-1), "no valid ts or ms_played"),
        (play(ms=None), "no valid ts or ms_played"),
        (7, "not an object"),
    ],
)
def test_left_out_and_counted(tmp_path, rows, left_out, reason):
    report = read(history(tmp_path / "in", play(), left_out), tmp_path / "landing", user_id="ann")
    assert report.left_out == {reason: 1}
    assert len(rows(tmp_path / "landing", "listens")) == 1


def test_nothing_private_is_copied(tmp_path):
    private = {"ip_addr_decrypted": CANARY, "username": "ann-account-77", "user_agent_decrypted": "canary-agent"}
    read(history(tmp_path / "in", play(**private)), tmp_path / "landing", user_id="ann")
    content = b"".join(path.read_bytes() for path in (tmp_path / "landing").rglob("*") if path.is_file())
    assert not any(word in content for word in (CANARY.encode(), b"ann-account-77", b"canary-agent"))


def test_duration_is_the_median_of_finished_plays(tmp_path, rows):
    # 5 s is a finish after seeking, 900 s one after rewinding; the skip does not count
    plays = [play(ms=ms) for ms in (5_000, 200_000, 200_100, 200_000, 900_000)] + [play(ms=1_000, reason_end="fwdbtn")]
    read(history(tmp_path / "in", *plays), tmp_path / "landing", user_id="ann")
    assert rows(tmp_path / "landing", "tracks")[0]["duration_ms"] == 200_000


def test_most_frequent_country_wins_and_unknown_ones_do_not_count(tmp_path, rows):
    plays = [play(conn_country=country) for country in ("DE", "ZZ", "ZZ", "ZZ", "AT", "AT", "DE", None)]
    read(history(tmp_path / "in", *plays), tmp_path / "landing", user_id="ann")
    assert rows(tmp_path / "landing", "users") == [{"user_id": "ann", "country": "AT"}]  # a tie: the first by name


@pytest.mark.parametrize(
    ("platform", "device"),
    [("iOS 17 (iPad13,1)", "tablet"), ("web_player windows 10;chrome", "web"), ("Partner sonos_ppc", "speaker"),
     ("OS X 14.1 [arm 2]", "desktop"), ("ios", "phone"), ("Garmin", None), (None, None)],
)  # fmt: skip
def test_device(tmp_path, rows, platform, device):
    read(history(tmp_path / "in", play(platform=platform)), tmp_path / "landing", user_id="ann")
    assert rows(tmp_path / "landing", "listens")[0].get("device") == device


def test_all_audio_files_of_the_zip_are_read_and_the_rest_is_counted(tmp_path, rows):
    names = ["Streaming_History_Audio_2023_0.json", "endsong_1.json", "Streaming_History_Video_2023.json", "ReadMe.pdf"]
    with zipfile.ZipFile(tmp_path / "my_spotify_data.zip", "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(f"Spotify Data/{name}", orjson.dumps([play(uri=f"uri{number}")]))
    report = read(tmp_path / "my_spotify_data.zip", tmp_path / "landing", user_id="ann")
    assert [row["track_id"] for row in rows(tmp_path / "landing", "listens")] == ["spotify-uri0", "spotify-uri1"]
    assert report.facts == {"files_read": 2, "files_not_read": 2, "until": "2024-03-02"}


def test_history_without_plays_makes_an_empty_landing(tmp_path):
    assert read(history(tmp_path / "in"), tmp_path / "landing", user_id="ann").written == {"users": 1}


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b'{"payload": [], "count": 0}', r"saw an object with keys \['count', 'payload'\] in x\.json"),
        (b'[{"endTime": "2024-01-01 10:00", "artistName": "A", "trackName": "T", "msPlayed": 1}]', "short account data"),
        (b"[[1]]", r"saw \[1\] in x\.json"),
        (b"uts,utc_time,artist\n", "saw text starting 'uts,utc_time,artist"),
        (b"", "saw an empty file in x.json"),
        (b'[{"ts": "2024', "saw text starting"),
        (b'"text"', "saw a str in"),
    ],
)
def test_wrong_file_says_what_it_saw(tmp_path, content, seen):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(LandingError, match=rf"(?s)expected a Spotify streaming history .*{seen}"):
        read(tmp_path / "x.json", tmp_path / "landing", user_id="ann")
    assert not (tmp_path / "landing").exists()


def test_folder_without_a_history_says_what_it_holds(tmp_path):
    with pytest.raises(LandingError, match=r"expected Streaming_History_Audio_\*\.json, saw Playlist1\.json in"):
        read(history(tmp_path / "in", play(), name="Playlist1.json"), tmp_path / "landing", user_id="ann")
