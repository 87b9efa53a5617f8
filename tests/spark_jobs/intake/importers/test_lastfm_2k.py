"""HetRec Last.fm-2k: joins, hold-out and flags on a small copy of the format, then on the real data."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow.parquet as pq
import pytest

from conf.errors import LandingError
from spark_jobs.intake.importers.lastfm_2k import read
from spark_jobs.intake.importers.track_catalogue import read_catalogue

ARTISTS = {1: "Björk", 2: "The Scorpions", 3: "Scorpions", 4: "Unknown Band", 5: 'Sunn "O)))', 6: "Kraftwerk"}
PLAYS = [(10, 1, 900), (10, 2, 30), (10, 3, 12), (10, 5, 4), (11, 1, 7), (11, 3, 70), (11, 4, 500), (12, 4, 8)]
DEEZER = [("TR1", "Bjork", "Hyperballad"), ("TR2", "björk", "Jóga"), ("TR3", "Scorpions", "Blackout"), ("TR4", "Sunn O", "X")]
MSD_HEADER = ",artist_name,duration,release,title,track_id,year"
MSD = [
    r"""0,b'Bj\xc3\xb6rk',301.5,b'Homogenic',b'J\xc3\xb3ga',b'TR2',1997""",  # TR2 again, with length and year
    r"""1,b'Bj\xc3\xb6rk',200.0,b'Post',b'HYPERBALLAD',b'TR9',0""",  # the same song under another number; year unknown
    r"""2,b"Nobody's Act",200.0,b'X',b'Y',b'TR8',2001""",  # nobody plays it
    r"""3,b'Kraftwerk',100.0,b'X',b'',b'TR7',2001""",  # no title
]


def table(header, entries):
    return "\n".join([header, *("\t".join(map(str, entry)) for entry in entries)]) + "\n"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "hetrec"
    folder.mkdir()
    artists = [(number, name, "url", "picture") for number, name in ARTISTS.items()]
    (folder / "artists.dat").write_text(table("id\tname\turl\tpictureURL", artists), encoding="utf-8")
    (folder / "user_artists.dat").write_text(table("userID\tartistID\tweight", PLAYS))
    (folder / "user_friends.dat").write_text(table("userID\tfriendID", [(10, 11), (11, 10), (10, 99)]))
    tags = [(1, "Tropicália"), (2, "rock"), (3, " ")]
    (folder / "tags.dat").write_text(table("tagID\ttagValue", tags), encoding="latin-1")
    taggings = [
        (10, 1, 1, 1, 4, 2009), (11, 1, 1, 1, 4, 2010), (10, 2, 2, 1, 4, 2009),
        (10, 3, 2, 1, 4, 2009),  # the other spelling, by the same listener
        (10, 1, 2, 1, 4, 1956), (10, 4, 2, 1, 4, 2009), (10, 777, 2, 1, 4, 2009), (11, 1, 3, 1, 4, 2009),
    ]  # fmt: skip
    (folder / "user_taggedartists.dat").write_text(table("userID\tartistID\ttagID\tday\tmonth\tyear", taggings))
    return folder


@pytest.fixture
def tracks(tmp_path):
    folder = tmp_path / "tracks"
    folder.mkdir()
    deezer = [f"1,SO1,{number},-0.4,0.7,{artist},{title}" for number, artist, title in DEEZER]
    header = "dzr_sng_id,MSD_sng_id,MSD_track_id,valence,arousal,artist_name,track_name"
    (folder / "deezer_mood_train.csv").write_text("\n".join([header, *deezer]), encoding="utf-8")
    (folder / "msd_subset_songs.csv").write_text("\n".join([MSD_HEADER, *MSD]), encoding="utf-8")
    return folder


def held_out(landing):
    return pq.read_table(landing.parent / "truth/held_out.parquet").to_pylist()


def test_catalogue_joins_both_data_sets(tracks):
    catalogue = read_catalogue(tracks)
    found = catalogue.tracks.set_index("track_id")
    assert found.index.tolist() == ["msd-TR2", "msd-TR3", "msd-TR4", "msd-TR8", "msd-TR9"]
    assert (found.at["msd-TR2", "duration_ms"], found.at["msd-TR2", "release_date"]) == (301_500, date(1997, 1, 1))
    assert pd.isna(found.at["msd-TR9", "release_date"])
    assert pd.isna(found.at["msd-TR3", "duration_ms"])
    assert (catalogue.merged, catalogue.untitled) == (2, 1)  # TR2 twice, Hyperballad twice; Kraftwerk's has no title


def test_pairs_are_kept_held_out_or_counted(source, tracks, tmp_path, rows):
    report = read(source, tmp_path / "landing", tracks=tracks, seed=3)
    # 8 pairs: 2 without tracks (Unknown Band), 1 added to another spelling; 5 remain, of which 10 and 11 give one each
    assert report.left_out["pairs without tracks"] == 2
    assert report.left_out["pairs added to another spelling's"] == 1
    facts = {"pairs": 8, "pairs_with_tracks": 5, "pairs_kept": 3, "pairs_held_out": 2, "listeners": 3}
    assert facts.items() <= report.facts.items()
    assert (report.facts["seed"], report.facts["listeners_without_listens"]) == (3, 1)
    real = {("10", "1"): 900, ("10", "3"): 42, ("10", "5"): 4, ("11", "1"): 7, ("11", "3"): 70}
    for pair in held_out(tmp_path / "landing"):
        key = (pair["user_id"].removeprefix("lastfm2k-user-"), pair["artist_id"].removeprefix("lastfm2k-artist-"))
        assert real.pop(key) == pair["plays"]
    artist_of = {track["track_id"]: track["artist_ids"][0] for track in rows(tmp_path / "landing", "tracks")}
    listened = {(row["user_id"], artist_of[row["track_id"]]) for row in rows(tmp_path / "landing", "listens")}
    assert listened == {(f"lastfm2k-user-{user}", f"lastfm2k-artist-{artist}") for user, artist in real}


def test_every_listen_says_that_it_is_simulated(source, tracks, tmp_path, rows):
    read(source, tmp_path / "landing", tracks=tracks)
    listens = rows(tmp_path / "landing", "listens")
    assert listens
    assert all(row["simulated"] is True for row in listens)
    real = [row for entity in ("tracks", "artists", "users", "tags", "follows") for row in rows(tmp_path / "landing", entity)]
    assert not any("simulated" in row for row in real)


def test_names_tags_and_friends_are_the_real_ones(source, tracks, tmp_path, rows):
    report = read(source, tmp_path / "landing", tracks=tracks)
    names = {row["artist_id"]: row["name"] for row in rows(tmp_path / "landing", "artists")}
    # of the two spellings the one with more listeners; a name with a stray quote is read whole
    assert names == {"lastfm2k-artist-1": "Björk", "lastfm2k-artist-3": "Scorpions", "lastfm2k-artist-5": 'Sunn "O)))'}
    tags = {(row["entity_id"][-1], row["tag"]): row["weight"] for row in rows(tmp_path / "landing", "tags")}
    assert tags == {("1", "tropicália"): 2.0, ("3", "rock"): 1.0}
    follows = [(row["user_id"], row["followed_id"]) for row in rows(tmp_path / "landing", "follows")]
    assert follows == [("lastfm2k-user-10", "lastfm2k-user-11"), ("lastfm2k-user-11", "lastfm2k-user-10")]
    expected = {"taggings dated before Last.fm": 1, "taggings of artists without tracks": 2, "taggings without a word": 1}
    expected |= {"taggings of another spelling by the same listener": 1, "friends who play nothing": 1}
    expected |= {"artists without tracks": 2, "catalogue tracks of artists nobody plays": 1}
    assert expected.items() <= report.left_out.items()


def test_same_seed_same_bytes_and_another_seed_another_truth(source, tracks, tmp_path):
    content = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        read(source, tmp_path / name / "landing", tracks=tracks, seed=seed)
        content.append({p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.*") if p.is_file()})
    assert content[0] == content[1]
    assert content[0] != content[2]


def test_until_moves_the_weeks(source, tracks, tmp_path, rows):
    read(source, tmp_path / "landing", tracks=tracks, until=date(2020, 3, 1))
    days = {row["started_at"].date() for row in rows(tmp_path / "landing", "listens")}
    assert date(2019, 12, 8) <= min(days)
    assert max(days) < date(2020, 3, 1)


def test_truth_of_another_landing_is_not_replaced(source, tracks, tmp_path):
    read(source, tmp_path / "landing", tracks=tracks)
    before = (tmp_path / "truth/held_out.parquet").read_bytes()
    with pytest.raises(LandingError, match=r"held_out\.parquet belongs to landing landing; give a --landing"):
        read(source, tmp_path / "other", tracks=tracks, seed=9)
    assert (tmp_path / "truth/held_out.parquet").read_bytes() == before
    assert not (tmp_path / "other").exists()
    read(source, tmp_path / "landing", tracks=tracks, seed=9)  # its own is


def test_truth_behind_a_link_is_refused(source, tracks, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "truth").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LandingError, match="reached through a link"):
        read(source, tmp_path / "landing", tracks=tracks)


@pytest.mark.parametrize(
    ("name", "content", "seen"),
    [
        ("artists.dat", "id;name\n1;Björk\n", "expected a HetRec artists.dat with tab-separated id, name, saw 'id;name'"),
        ("user_artists.dat", "userID\tartistID\tweight\n1\t1\tmany\n", "expected a HetRec user_artists.dat"),
        ("user_artists.dat", "", "expected a HetRec user_artists.dat .*saw ''"),
        ("user_artists.dat", "userID\tartistID\tweight\n1\t1\t0\n", "has a play count below 1"),
    ],
)
def test_wrong_file_says_what_it_saw(source, tracks, tmp_path, name, content, seen):
    (source / name).write_text(content, encoding="utf-8")
    with pytest.raises(LandingError, match=seen):
        read(source, tmp_path / "landing", tracks=tracks)
    assert not (tmp_path / "landing").exists()


def test_wrong_folders_say_what_they_hold(source, tracks, tmp_path):
    with pytest.raises(LandingError, match=r"HetRec 2011 Last\.fm folder with artists\.dat, .* saw \['deezer_mood_train"):
        read(tracks, tmp_path / "landing", tracks=tracks)
    with pytest.raises(LandingError, match=r"expected deezer_mood_\*\.csv or msd_subset_songs\.csv, saw \['artists\.dat'"):
        read(source, tmp_path / "landing", tracks=source)


def test_catalogue_with_other_columns_or_texts_is_refused(source, tracks, tmp_path):
    (tracks / "msd_subset_songs.csv").write_text(MSD_HEADER + "\n0,Plain,1.0,b'a',b'b',b'c',1999\n")
    with pytest.raises(LandingError, match=r"expected texts like b'\.\.\.' in .*, saw 'Plain'"):
        read(source, tmp_path / "landing", tracks=tracks)
    (tracks / "msd_subset_songs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LandingError, match=r"expected a track catalogue with track_id, .*saw 'a,b'"):
        read(source, tmp_path / "landing", tracks=tracks)


def test_catalogue_of_other_artists_is_refused(source, tracks, tmp_path):
    (tracks / "deezer_mood_train.csv").unlink()
    (tracks / "msd_subset_songs.csv").write_text("\n".join([MSD_HEADER, MSD[2]]))
    with pytest.raises(LandingError, match="no artist that anybody plays is in the track catalogue"):
        read(source, tmp_path / "landing", tracks=tracks)


@pytest.mark.realdata
def test_real_listeners(real_data, tmp_path):
    report = read(real_data / "lastfm-2k", tmp_path / "landing", tracks=real_data / "tracks", seed=1)
    facts = report.facts
    assert (facts["listeners"], facts["pairs"]) == (1892, 92_834)
    covered = int(facts["pairs_with_tracks"]) + report.left_out["pairs without tracks"]
    assert covered + report.left_out["pairs added to another spelling's"] == 92_834
    assert facts["pairs_kept"] + facts["pairs_held_out"] == facts["pairs_with_tracks"]
    assert 0.19 < facts["pairs_held_out"] / facts["pairs_with_tracks"] < 0.21
    assert 500_000 < report.written["listens"] < 1_500_000
    _check_real_listens(tmp_path / "landing")


def _check_real_listens(landing):
    listens = pq.read_table(landing / "listens", columns=["user_id", "track_id", "started_at", "ms_played"]).to_pandas()
    tracks = pq.read_table(landing / "tracks", columns=["track_id", "artist_ids"]).to_pandas()
    gaps = listens.sort_values(["user_id", "started_at"]).groupby("user_id")["started_at"].diff().dropna()
    assert gaps.min() > pd.Timedelta(seconds=10)
    listens["artist_id"] = listens["track_id"].map(tracks.set_index("track_id")["artist_ids"].str[0])
    assert listens["artist_id"].notna().all()
    heard = pd.MultiIndex.from_frame(listens[["user_id", "artist_id"]].drop_duplicates())
    held = pq.read_table(landing.parent / "truth/held_out.parquet").to_pandas()
    assert not pd.MultiIndex.from_frame(held[["user_id", "artist_id"]]).isin(heard).any()
