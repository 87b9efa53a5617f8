"""The simulated spread: order of the real counts kept, no impossible day, no double, same seed same listens."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from conf.errors import LandingError
from spark_jobs.intake.importers.play_spread import DAYS, MIN_SPACING_MS, NOMINAL_MS, hold_out, listens_of_plays, spread

UNTIL = date(2026, 9, 6)


def counts(listeners=20, artists=10, seed=0):
    pairs = pd.MultiIndex.from_product([range(1, listeners + 1), range(1, artists + 1)], names=["user", "artist"])
    plays = np.random.default_rng(seed).integers(1, 400_000, len(pairs))
    return pairs.to_frame(index=False).assign(plays=plays)


def catalogue(artists=10, tracks=6):
    frame = pd.DataFrame({"artist": np.repeat(np.arange(1, artists + 1), tracks)})
    frame["track_id"] = [f"t{artist}-{number % tracks}" for number, artist in enumerate(frame["artist"])]
    frame["duration_ms"] = pd.array([1_000 if number % 2 else None for number in range(len(frame))], dtype="Int64")
    return frame


def pairs_of(listens):
    artist = listens["track_id"].str[1:].str.split("-").str[0].astype(int)
    return listens.assign(artist=artist).groupby(["user", "artist"]).size()


def test_listens_keep_the_order_and_the_logarithm_of_plays():
    plays = np.unique(np.logspace(0, 5.6, 400).astype(int))
    listens = listens_of_plays(plays)
    assert (np.diff(listens) >= 0).all()
    assert np.corrcoef(listens, np.log(plays))[0, 1] > 0.995
    assert (listens.min(), listens.max()) == (2, 37)


def test_every_pair_has_its_number_of_listens():
    pairs = counts()
    written = pairs_of(spread(pairs, catalogue(), UNTIL, seed=1))
    expected = pd.Series(listens_of_plays(pairs["plays"]), index=pd.MultiIndex.from_frame(pairs[["user", "artist"]]))
    assert written.to_dict() == expected.to_dict()


def test_listens_lie_in_the_twelve_weeks_before_until():
    started = spread(counts(), catalogue(), UNTIL, seed=1)["started_at"]
    assert started.is_monotonic_increasing
    assert started.min() >= pd.Timestamp("2026-06-14", tz="UTC")
    assert started.max() < pd.Timestamp("2026-09-06", tz="UTC")
    assert started.dt.date.nunique() == DAYS


def test_a_pair_is_heard_evenly_over_the_weeks():
    # 37 listens: one in each 37th part of 84 days, so every four weeks hold 12 or 13 of them
    pairs = counts(1, 1).assign(plays=352_698)
    days = (spread(pairs, catalogue(1), UNTIL, seed=5)["started_at"] - pd.Timestamp("2026-06-14", tz="UTC")).dt.days
    assert set(np.bincount(days // 28)) <= {11, 12, 13}


def test_no_double_and_no_impossible_day():
    listens = spread(counts(5, 10), catalogue(tracks=1), UNTIL, seed=3)  # one track per artist: doubles would be likely
    gaps = listens.sort_values(["user", "started_at"]).groupby("user")["started_at"].diff().dropna()
    assert gaps.min() >= pd.Timedelta(milliseconds=MIN_SPACING_MS)
    heard = listens.groupby(["user", listens["started_at"].dt.date])["ms_played"].sum()
    assert heard.max() <= 86_400_000


def test_heard_is_the_tracks_length_or_the_nominal_one():
    listens = spread(counts(3), catalogue(), UNTIL, seed=1).merge(catalogue(), on="track_id")
    assert (listens["ms_played"] == listens["duration_ms"].fillna(NOMINAL_MS)).all()


def test_tracks_follow_zipf_in_an_order_all_listeners_share():
    pairs = counts(400, 1).assign(plays=352_698)
    drawn = spread(pairs, catalogue(1, 6), UNTIL, seed=2)
    shares = drawn["track_id"].value_counts(normalize=True).to_numpy()
    harmonic = sum(1 / rank for rank in range(1, 7))
    np.testing.assert_allclose(shares, [1 / rank / harmonic for rank in range(1, 7)], atol=0.015)
    halves = [drawn[drawn["user"] % 2 == parity]["track_id"].value_counts().index[:3].tolist() for parity in (0, 1)]
    assert halves[0] == halves[1]


def test_same_seed_same_listens_whatever_the_order_of_rows():
    pairs = counts()
    one = spread(pairs, catalogue(), UNTIL, seed=1)
    pd.testing.assert_frame_equal(one, spread(pairs.sample(frac=1, random_state=0), catalogue(), UNTIL, seed=1))
    assert not one.equals(spread(pairs, catalogue(), UNTIL, seed=2))


def test_a_day_of_more_than_24_hours_is_refused():
    pairs = counts(1, 1500).assign(plays=352_698)
    with pytest.raises(LandingError, match=r"listener 1 would listen \d+ hours on one day"):
        spread(pairs, catalogue(1500, 1).assign(duration_ms=NOMINAL_MS), UNTIL, seed=1)


@pytest.mark.parametrize(("artists", "held"), [(1, 0), (2, 1), (5, 1), (7, 1), (8, 2), (10, 2), (50, 10)])
def test_a_fifth_is_held_out_and_never_the_only_artist(artists, held):
    pairs = counts(3, artists)
    assert pairs[hold_out(pairs, seed=1)].groupby("user").size().to_dict() == ({1: held, 2: held, 3: held} if held else {})


def test_hold_out_depends_on_the_seed_only():
    pairs = counts()
    mask = hold_out(pairs, seed=1)
    shuffled = pairs.sample(frac=1, random_state=0)
    assert hold_out(shuffled, seed=1).sort_index().equals(mask)
    assert not hold_out(pairs, seed=2).equals(mask)


def test_hold_out_takes_no_side():
    held = counts(2000, 10)[hold_out(counts(2000, 10), seed=4)]
    np.testing.assert_allclose(held["artist"].value_counts(normalize=True), 0.1, atol=0.015)
