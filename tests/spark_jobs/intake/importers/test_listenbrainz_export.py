"""ListenBrainz personal export: matched and unmatched recordings, feedback, and lines that are none."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime

import orjson
import pytest

from conf.errors import LandingError, UsageError
from spark_jobs.intake.importers.identity import artist_id_of_name, track_id_of_names
from spark_jobs.intake.importers.listenbrainz_export import read

AT = 1_767_265_200  # 2026-01-01 11:00 UTC


def listen(at=AT, title="Wealth", credit="Jah Wobble, Marconi Union", mapping=None, msid="msid-1", **info):
    names = {"track_name": title, "artist_name": credit, "release_name": "Anomic"}
    ids = {"recording_msid": msid, "mbid_mapping": mapping}
    return {"listened_at": at, "inserted_at": AT, "track_metadata": {**names, "additional_info": info, **ids}}


def matched(recording="mbid-1", **artists):
    credits = [{"artist_credit_name": name, "artist_mbid": mbid, "join_phrase": ""} for mbid, name in artists.items()]
    return {"recording_mbid": recording, "artist_mbids": list(artists), "artists": credits}


def lines(*values):
    return b"\n".join(value if isinstance(value, bytes) else orjson.dumps(value) for value in values)


def export(folder, *listens, **others):
    (folder / "listens/2026").mkdir(parents=True)
    (folder / "listens/2026/1.jsonl").write_bytes(lines(*listens))
    (folder / "user.json").write_bytes(orjson.dumps({"user_id": 77, "username": "ann"}))
    for name, values in others.items():
        (folder / f"{name}.jsonl").write_bytes(lines(*values))
    return folder


def test_matched_recording_goes_by_its_musicbrainz_ids(tmp_path, rows):
    mapping = matched(a1="Jah Wobble", a2="Marconi Union")
    first = listen(mapping=mapping, duration_ms="211000", ms_played=100_000, media_player="mpv")
    report = read(export(tmp_path / "in", first), tmp_path / "landing")
    assert rows(tmp_path / "landing", "listens") == [
        {"user_id": "ann", "track_id": "mbid-1", "started_at": datetime(2026, 1, 1, 11, tzinfo=UTC), "ms_played": 100_000,
         "platform": "mpv"}
    ]  # fmt: skip
    assert rows(tmp_path / "landing", "tracks") == [
        {"track_id": "mbid-1", "title": "Wealth", "artist_ids": ["a1", "a2"], "album": "Anomic", "duration_ms": 211_000}
    ]
    assert [row["name"] for row in rows(tmp_path / "landing", "artists")] == ["Jah Wobble", "Marconi Union"]
    assert rows(tmp_path / "landing", "users") == [{"user_id": "ann"}]
    assert (report.written["listens"], report.left_out) == (1, {})


@pytest.mark.parametrize(
    ("record", "track_id", "artist_id"),
    [
        # not matched: the MessyBrainz id and a hash of the credit
        (listen(credit="Björk"), "msid-1", artist_id_of_name("Björk")),
        # not matched, but the player knew one artist's id
        (listen(credit="Björk", artist_mbids=["a9"], recording_mbid="mbid-9"), "mbid-9", "a9"),
        # two ids and one credit: who is who is unknown
        (listen(credit="A & B", artist_mbids=["a1", "a2"]), "msid-1", artist_id_of_name("A & B")),
        # a mapping that is none
        (listen(credit="Björk", mapping={"artists": 7, "artist_mbids": "a9"}), "msid-1", artist_id_of_name("Björk")),
        # exports from before MessyBrainz ids
        (listen(title="Wealth", credit="Björk", msid=None), track_id_of_names("Björk", "Wealth"), artist_id_of_name("Björk")),
    ],
)
def test_unmatched_recording(tmp_path, rows, record, track_id, artist_id):
    read(export(tmp_path / "in", record), tmp_path / "landing")
    [track] = rows(tmp_path / "landing", "tracks")
    assert (track["track_id"], track["artist_ids"]) == (track_id, [artist_id])


@pytest.mark.parametrize(
    ("info", "ms_played"),
    [({"ms_played": 9_000}, 9_000), ({"duration_played": 61}, 61_000), ({"ms_played": "long"}, None), ({}, None)],
)
def test_time_heard_where_the_player_tells(tmp_path, rows, info, ms_played):
    read(export(tmp_path / "in", listen(**info)), tmp_path / "landing")
    assert rows(tmp_path / "landing", "listens")[0].get("ms_played") == ms_played


def test_love_and_hate_become_save_and_block(tmp_path, rows):
    opinions = [
        {"recording_msid": "msid-1", "recording_mbid": None, "score": 1, "created": AT + 60},  # matched as mbid-1 below
        {"recording_msid": None, "recording_mbid": "mbid-2", "score": -1, "created": AT + 61},
        {"recording_msid": "msid-1", "recording_mbid": None, "score": 0, "created": AT + 62},
        {"recording_msid": "msid-7", "recording_mbid": None, "score": 1, "created": AT + 63},
        {"recording_msid": "msid-1", "recording_mbid": None, "score": 1, "created": None},
        {"recording_msid": ["msid-1"], "recording_mbid": None, "score": [1], "created": AT},
    ]
    listens = [listen(mapping=matched("mbid-1", a1="A")), listen(at=AT + 9, mapping=matched("mbid-2", a1="A"), msid="msid-2")]
    source = export(tmp_path / "in", *listens, feedback=opinions, pinned_recording=[{"blurb_content": "!"}])
    report = read(source, tmp_path / "landing")
    feedback = rows(tmp_path / "landing", "feedback")
    assert [(row["kind"], row["entity_id"]) for row in feedback] == [("save", "mbid-1"), ("block", "mbid-2")]
    assert report.left_out == {
        "feedback on a recording never listened to": 1,
        "feedback withdrawn": 2,
        "feedback without time": 1,
        "pinned recording": 1,
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"listened_at": 17', "malformed line"),
        (b"[1]", "malformed line"),
        (listen(at=None), "no time"),
        (listen(at=1e30), "no time"),
        (listen(title=""), "no title or artist"),
        (listen(credit=None), "no title or artist"),
        ({"listened_at": AT, "track_metadata": "torn"}, "no title or artist"),
    ],
)
def test_left_out_and_counted(tmp_path, bad, reason):
    report = read(export(tmp_path / "in", listen(), bad, listen(at=AT + 300)), tmp_path / "landing")
    assert (report.left_out, report.written["listens"]) == ({reason: 1}, 2)


def test_zip_and_folder_make_the_same_landing(tmp_path):
    source = export(tmp_path / "in", listen(title="Hyperballad – Ünïcødé 音楽"), listen(at=AT + 300))
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for path in sorted(source.rglob("*.json*")):
            archive.write(path, path.relative_to(source).as_posix())
    read(source, tmp_path / "one")
    read(tmp_path / "in.zip", tmp_path / "two")
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.parquet")} for name in ("one", "two"))
    assert one == two


def test_one_file_needs_the_listeners_name(tmp_path, rows):
    (tmp_path / "1.jsonl").write_bytes(lines(listen()))
    with pytest.raises(UsageError, match=r"does not say whose history it is .*give --user NAME"):
        read(tmp_path / "1.jsonl", tmp_path / "landing")
    read(tmp_path / "1.jsonl", tmp_path / "landing", user_id="bob")
    assert rows(tmp_path / "landing", "users") == [{"user_id": "bob"}]


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b'{"ts": "2024-03-01T10:03:20Z", "ms_played": 1}\n', r"saw an object with keys \['ms_played', 'ts'\] in 1\.jsonl"),
        (b"uts,utc_time,artist\n", "saw 'uts,utc_time,artist"),
        (b"", "saw an empty file 1.jsonl"),
        (b"\n\n", "saw an empty file 1.jsonl"),
    ],
)
def test_wrong_file_says_what_it_saw(tmp_path, content, seen):
    (tmp_path / "1.jsonl").write_bytes(content)
    with pytest.raises(LandingError, match=f"expected a ListenBrainz export .*{seen}"):
        read(tmp_path / "1.jsonl", tmp_path / "landing", user_id="ann")
    assert not (tmp_path / "landing").exists()


def test_folder_without_listens_says_what_it_holds(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/feedback.jsonl").write_text("{}")
    with pytest.raises(LandingError, match=r"in listens/<year>/<month>\.jsonl, saw feedback\.jsonl in"):
        read(tmp_path / "in", tmp_path / "landing", user_id="ann")
