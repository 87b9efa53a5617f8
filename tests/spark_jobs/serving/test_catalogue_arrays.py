"""The planted catalogue as arrays: rules, names, gaps."""

from datetime import date

import pyarrow as pa

from spark_jobs.serving import catalogue_arrays


def shipped(week, tracks=None):
    ref = catalogue_arrays.ship(week.run.warehouse, week.run.run_date, week.tracks if tracks is None else tracks, week.artists)
    return catalogue_arrays.load(ref)


def test_servable_leaves_out_blocked_unreleased_and_nowhere(week):
    servable = shipped(week).rules.servable
    assert [i for i, yes in enumerate(servable) if not yes] == [5, 6, 11]


def test_a_track_is_servable_on_its_release_day(week):
    ref = catalogue_arrays.ship(week.run.warehouse, date(2026, 9, 8), week.tracks, week.artists)
    assert catalogue_arrays.load(ref).rules.servable[5]


def test_versions_share_a_recording_by_title_and_by_isrc(week):
    recording = shipped(week).rules.recording
    assert recording[2] == recording[3] == recording[4]
    assert len(set(recording.tolist())) == len(recording) - 2


def test_names_come_in_credit_order_and_an_unknown_artist_shows_their_id(week):
    catalogue = shipped(week)
    assert catalogue.artists[1].as_py() == ["Ana", "Bo"] and catalogue.artist_ids[1].as_py() == ["ana", "bo"]
    assert catalogue.artists[12].as_py() == ["eve"]
    assert catalogue.artists[8].as_py() == [] and catalogue.main_artist[8].as_py() is None


def test_rows_may_come_in_any_order_and_with_gaps(week):
    kept = week.tracks.take(pa.array([12, 0, 7]))
    catalogue = shipped(week, kept)
    assert catalogue.title[12].as_py() == "Eve" and catalogue.title[0].as_py() == "Blue"
    assert catalogue.rules.servable.nonzero()[0].tolist() == [0, 7, 12]


def test_an_artist_credited_twice_counts_once(week):
    twice = pa.array([["ana", "ana", "bo"]], pa.list_(pa.string()))
    tracks = week.tracks.slice(0, 1)
    tracks = tracks.set_column(tracks.schema.get_field_index("artist_ids"), "artist_ids", twice)
    assert shipped(week, tracks).artists.to_pylist() == [["Ana", "Bo"]]


def test_the_same_catalogue_gives_the_same_folder(week):
    first, second = (catalogue_arrays.ship(week.run.warehouse, week.run.run_date, week.tracks, week.artists) for _ in range(2))
    assert first == second


def test_an_empty_catalogue(week):
    catalogue = shipped(week, week.tracks.slice(0, 0))
    assert len(catalogue.rules.servable) == 0 and len(catalogue.title) == 0
