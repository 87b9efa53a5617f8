"""ListenBrainz dump: ids, names of artists behind a credit, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import LandingError
from spark_jobs.intake.importers.identity import artist_id_of_name
from spark_jobs.intake.importers.listenbrainz_dump import read

SCHEMA = pa.schema(
    [
        ("listened_at", pa.timestamp("ns")), ("created", pa.timestamp("ns")), ("user_id", pa.int64()),
        ("recording_msid", pa.string()), ("artist_name", pa.string()), ("artist_credit_id", pa.int64()),
        ("release_name", pa.string()), ("release_mbid", pa.string()), ("recording_name", pa.string()),
        ("recording_mbid", pa.string()), ("artist_credit_mbids", pa.list_(pa.string())),
    ]
)  # fmt: skip
NOON = datetime(2026, 1, 1, 12)


def row(artist="Kiasmos", mbids=("k",), title="Lit", mbid="rec-1", msid="msid-1", user=1, at=NOON, album="Kiasmos"):
    ids = {"recording_msid": msid, "recording_mbid": mbid, "artist_credit_mbids": list(mbids) if mbids else None}
    names = {"artist_name": artist, "recording_name": title, "release_name": album}
    return {"listened_at": at, "created": at, "user_id": user, **ids, **names}


def dump(folder, *files, schema=SCHEMA):
    folder.mkdir()
    for number, entries in enumerate(files):
        pq.write_table(pa.Table.from_pylist(list(entries), schema=schema), folder / f"{number}.parquet")
    (folder / "COPYING").write_text("CC0")
    return folder


def names_of(rows, landing):
    return {artist["artist_id"]: artist["name"] for artist in rows(landing, "artists")}


def test_matched_listen(tmp_path, rows):
    report = read(dump(tmp_path / "in", [row()]), tmp_path / "landing")
    started = NOON.replace(tzinfo=UTC)
    assert rows(tmp_path / "landing", "listens") == [{"user_id": "listenbrainz-1", "track_id": "rec-1", "started_at": started}]
    track = {"track_id": "rec-1", "title": "Lit", "artist_ids": ["k"], "album": "Kiasmos"}
    assert rows(tmp_path / "landing", "tracks") == [track]
    assert report.written == {"artists": 1, "listens": 1, "tracks": 1, "users": 1}
    assert report.left_out == {}


def test_unmatched_listen_goes_by_msid_and_name(tmp_path, rows):
    read(dump(tmp_path / "in", [row("Mgła", mbids=None, mbid=None, album=None)]), tmp_path / "landing")
    track = {"track_id": "msid-1", "title": "Lit", "artist_ids": [artist_id_of_name("Mgła")]}
    assert rows(tmp_path / "landing", "tracks") == [track]
    assert names_of(rows, tmp_path / "landing") == {artist_id_of_name("Mgła"): "Mgła"}


def test_artists_of_a_credit_are_named_as_well_as_can_be(tmp_path, rows):
    listens = [
        row("Jah Wobble, Marconi Union", ["w", "u"], mbid="duo"),
        row("Marconi Union (UK)", ["u"], mbid="solo"),  # a solo credit goes before a part of a credit
        row("Wyclef and Shakira", ["y", "s"], mbid="pair"),  # two ids, one part: the whole credit stands in
    ]
    report = read(dump(tmp_path / "in", listens), tmp_path / "landing")
    assert names_of(rows, tmp_path / "landing") == {
        "w": "Jah Wobble",
        "u": "Marconi Union (UK)",
        "y": "Wyclef and Shakira",
        "s": "Wyclef and Shakira",
    }
    assert report.facts == {"until": "2026-01-02", "files_read": 1, "artists_named_by_whole_credit": 2}


def test_wording_of_the_first_matched_listen_stays(tmp_path, rows):
    later = NOON.replace(hour=13)
    listens = [row(title="lit (later)", at=later), row(title="Lit (unmatched)", mbids=None), row(title="Lit", at=NOON)]
    read(dump(tmp_path / "in", listens), tmp_path / "landing")
    assert [track["title"] for track in rows(tmp_path / "landing", "tracks")] == ["Lit"]


def test_listens_of_all_files_come_in_file_order(tmp_path, rows):
    files = [[row(user=user, at=NOON.replace(hour=hour))] for user, hour in ((2, 9), (1, 8), (2, 7))]
    read(dump(tmp_path / "in", *files), tmp_path / "landing")
    listens = rows(tmp_path / "landing", "listens")
    assert [(listen["user_id"], listen["started_at"].hour) for listen in listens] == [
        ("listenbrainz-2", 9), ("listenbrainz-1", 8), ("listenbrainz-2", 7)
    ]  # fmt: skip
    assert [user["user_id"] for user in rows(tmp_path / "landing", "users")] == ["listenbrainz-1", "listenbrainz-2"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(at=None), "no time"),
        (row(user=None), "no listener"),
        (row(mbid=None, msid=""), "no recording id"),
        (row(title=" "), "no title or artist"),
        (row(artist=None), "no title or artist"),
        (row(at=None, title=""), "no time"),  # one reason per row, the first
    ],
)
def test_left_out_and_counted(tmp_path, bad, reason):
    report = read(dump(tmp_path / "in", [row(), bad]), tmp_path / "landing")
    assert (report.left_out, report.written["listens"]) == ({reason: 1}, 1)


def test_twice_the_same_bytes(tmp_path):
    source = dump(tmp_path / "in", [row(f"A{n % 3}, B", [f"a{n % 3}", "b"], mbid=f"r{n}", user=n % 5) for n in range(200)])
    for name in ("one", "two"):
        read(source, tmp_path / name)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.*") if p.is_file()} for name in ("one", "two"))
    assert one == two


def test_other_parquet_says_its_columns(tmp_path):
    schema = pa.schema([("user", pa.string()), ("item", pa.int64())])
    with pytest.raises(LandingError, match=r"saw columns \['user', 'item'\] without \['listened_at', .*0\.parquet"):
        read(dump(tmp_path / "in", [{"user": "a", "item": 1}], schema=schema), tmp_path / "landing")


def test_other_type_is_named(tmp_path):
    schema = SCHEMA.set(2, pa.field("user_id", pa.string()))
    with pytest.raises(LandingError, match=r"saw user_id of type string, not int, in"):
        read(dump(tmp_path / "in", [row(user="1")], schema=schema), tmp_path / "landing")


@pytest.mark.parametrize("content", [b"", b"PAR1 cut short"])
def test_damaged_parquet_is_named(tmp_path, content):
    source = dump(tmp_path / "in")
    (source / "0.parquet").write_bytes(content)
    with pytest.raises(LandingError, match=r"expected a ListenBrainz dump's parquet .* saw no parquet in .*0\.parquet"):
        read(source, tmp_path / "landing")


def test_folder_without_parquet_says_what_it_holds(tmp_path):
    with pytest.raises(LandingError, match=r"saw \['COPYING'\] in .*; unpack the dump's archive first"):
        read(dump(tmp_path / "in"), tmp_path / "landing")


def test_link_out_of_the_dump_is_refused(tmp_path):
    other = dump(tmp_path / "other", [row()])
    (dump(tmp_path / "in") / "0.parquet").symlink_to(other / "0.parquet")
    with pytest.raises(LandingError, match=r"0\.parquet in .* is a link that leaves the folder"):
        read(tmp_path / "in", tmp_path / "landing")


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "listens", "tracks"), [("full-dump-1", 68, 50), ("incremental-dump-2", 9, 9)])
def test_dump_in_its_real_schema(real_data, tmp_path, rows, name, listens, tracks):
    report = read(real_data / "listenbrainz" / name, tmp_path / "landing")
    assert report.written | {"artists": 0} == {"artists": 0, "listens": listens, "tracks": tracks, "users": 2}
    catalogue = {track["track_id"]: track for track in rows(tmp_path / "landing", "tracks")}
    known = names_of(rows, tmp_path / "landing")
    assert {listen["track_id"] for listen in rows(tmp_path / "landing", "listens")} == set(catalogue)
    assert all(artist_id in known for track in catalogue.values() for artist_id in track["artist_ids"])
    if name == "full-dump-1":
        wealth = catalogue["0ca2a698-7280-4b40-a357-ca966bbd3a96"]
        assert (wealth["title"], [known[a] for a in wealth["artist_ids"]]) == ("Wealth", ["Jah Wobble", "Marconi Union"])
