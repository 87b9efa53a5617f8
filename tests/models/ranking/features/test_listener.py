"""Features of listeners: planted plays with answers by hand, and all of them against a plain walk in Python."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.contexts import CONTEXTS, DEVICES, ExcludeForeign
from conf.errors import ContractError
from conf.feature_jobs import BuildListenerFeatures
from conf.features import listener as catalogue
from models.contexts.modes import MODES
from models.listening import DAY_US, Listening
from models.ranking.features.items import Items
from models.ranking.features.judged import Unjudged
from models.ranking.features.listener import ListenerFeatures, Saves, listener_features
from models.slates.ragged import from_lengths
from tests.models.ranking.features.conftest import CUT, Play, block_of, drawn

PARAMS = BuildListenerFeatures()
# Twelve tracks: two an artist, the last two without; genres 0 and 1 in turn, track 5 has both, the last none.
ITEMS = Items(
    np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, -1, -1], np.int32),
    from_lengths(np.array([1] * 5 + [2] + [1] * 5 + [0]), np.array([0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0], np.int32)),
    np.array([n / 11 for n in range(11)] + [math.nan], np.float32),
)


def made(block: Listening, **given: Any) -> ListenerFeatures:
    arguments = {"saves": Saves.none(), "judged": None, "params": PARAMS} | given
    return listener_features(block, ITEMS, cut_us=CUT, **arguments)


def flat(features: ListenerFeatures) -> bytes:
    arrays = [*features.scalars.values(), *features.vectors.values()]
    for loved in (features.artists, features.genres):
        arrays += [*loved.groups, loved.affinity, loved.adjusted, loved.activation]
    return b"".join(array.tobytes() for array in arrays)


def test_every_feature_of_the_catalogue_is_made() -> None:
    features = made(block_of([Play(0, 1, 2.0)], 1))
    lists = {"genres", "genre_affinity", "artist_ids", "artist_affinity", "skip_adjusted_affinity", "activation", "embedding"}
    assert set(features.scalars) | set(features.vectors) | lists == {feature.name for feature in catalogue.LISTENER}
    for feature in catalogue.LISTENER:
        if feature.name in features.scalars:
            assert features.scalars[feature.name].dtype == (np.int32 if feature.type == "int" else np.float32)
        elif feature.name in features.vectors:
            assert features.vectors[feature.name].shape == (1, feature.size)


def test_windows_hold_their_days_and_end_before_the_cut() -> None:
    edge = 1 / 86_400_000_000
    ages = [edge, 1.0, 1.0 + edge, 7.0, 28.0, 28.0 + edge, 90.0, 90.0 + edge, 0.0, -3.0]
    scalars = made(block_of([Play(0, 1, age) for age in ages], 1)).scalars
    assert [int(scalars[f"plays_{days}d"][0]) for days in (1, 7, 28, 90)] == [2, 4, 5, 7]


def test_what_a_listener_did_last_month() -> None:
    plays = [
        Play(0, 0, 60.0), Play(0, 0, 3.0, device="car", playlist="radio"), Play(0, 2, 2.0, heard_s=5.0, playlist="other"),
        Play(0, 4, 1.5), Play(0, 4, 1.5 - 200 / 86_400, device="car"),
    ]  # fmt: skip
    features = made(block_of(plays, 1))
    scalars = {name: values[0] for name, values in features.scalars.items()}
    assert (scalars["plays_28d"], scalars["skips_28d"], scalars["completions_28d"]) == (4, 1, 3)
    # 0 was heard before; 2 and 4 were new, then 4 again.
    assert (scalars["discovery_propensity"], scalars["repeat_propensity"]) == (0.5, 0.5)
    assert scalars["skip_rate"] == 0.25
    assert scalars["intent_share"] == 0.75, "of four plays of which something is known"
    assert scalars["session_length"] == 5 / 4
    assert scalars["active_weeks"] == 2
    assert scalars["days_since_play"] == pytest.approx(1.5 - 200 / 86_400)
    assert scalars["mainstreamness"] == pytest.approx((0 + 0 + 2 + 4 + 4) / 11 / 5)
    assert features.vectors["device_shares"][0, DEVICES.index("car")] == pytest.approx(0.4)
    assert features.vectors["context_shares"][0].tolist() == [0, 0, 0, 0, 1]


def test_hours_and_weekends_are_those_where_the_listener_lives() -> None:
    """Saturday 2026-09-05 20:00 UTC is Sunday 05:00 in Tokyo; Monday 2026-08-31 03:00 UTC is Sunday 20:00 in Los Angeles."""
    tokyo = made(block_of([Play(0, 0, 4 / 24)], 1, "Asia/Tokyo"))
    assert tokyo.vectors["hour_shares"][0].argmax() == 5
    assert tokyo.vectors["daypart_shares"][0].tolist() == [0, 1, 0, 0]
    assert tokyo.scalars["weekend_share"][0] == 1
    monday = Play(0, 0, 5 + 21 / 24)
    assert made(block_of([monday], 1, "America/Los_Angeles")).scalars["weekend_share"][0] == 1
    assert made(block_of([monday], 1, "nowhere/at_all")).scalars["weekend_share"][0] == 0


def test_artists_loved_stand_in_order_and_ties_in_order_of_their_ids() -> None:
    plays = [Play(0, 4, 4.0), Play(0, 4, 9.0), Play(0, 2, 1.0), Play(0, 0, 16.0), Play(0, 6, 1.0, heard_s=3.0)]
    loved = made(block_of(plays, 1)).artists
    assert loved.groups.row(0).tolist() == [2, 0, 1], "artist 3 was only skipped"
    assert loved.affinity.tolist() == pytest.approx([0.5, 0.25, 0.25])
    mean = (4 - 1) / 5
    assert loved.adjusted.tolist() == pytest.approx([(n + 5 * mean) / (n + 5) for n in (2, 1, 1)])
    assert loved.activation.tolist() == pytest.approx([math.log(4**-0.5 + 9**-0.5), math.log(16**-0.5), 0.0])


def test_the_last_hour_does_not_make_a_memory_infinite() -> None:
    loved = made(block_of([Play(0, 0, 1e-9)], 1)).artists
    assert loved.activation.tolist() == pytest.approx([0.5 * math.log(24)])


def test_a_track_of_two_genres_counts_half_for_each() -> None:
    features = made(block_of([Play(0, 5, 1.0), Play(0, 1, 1.0), Play(0, 11, 2.0)], 1))
    assert features.genres.groups.row(0).tolist() == [1, 0]
    assert features.genres.affinity.tolist() == pytest.approx([1.5 / 3, 0.5 / 3])
    wanted = -sum(p * math.log(p) for p in (0.75, 0.25))
    assert features.scalars["genre_diversity"][0] == pytest.approx(wanted)


def test_somebody_elses_sessions_may_count_less() -> None:
    block = block_of([Play(0, 0, 5.0), Play(0, 2, 3.0)], 1)
    modes = np.zeros((2, len(MODES)), np.float32)
    modes[0, MODES.index("child")] = modes[1, MODES.index("focus")] = 1
    judged = Unjudged(modes)
    own = type("Told", (), {"modes": modes, "contexts": judged.contexts, "own": np.array([0.0, 1.0], np.float32)})()
    assert made(block, judged=own).artists.affinity.tolist() == [0.5, 0.5]
    without = made(block, judged=own, params=BuildListenerFeatures(foreign=ExcludeForeign(weight=0.0)))
    assert without.artists.groups.row(0).tolist() == [1]
    assert without.scalars["foreign_share"][0] == 0.5
    assert without.vectors["context_shares"][0, CONTEXTS.index("focus")] == 0.5


def test_saves_count_by_their_own_time() -> None:
    saves = Saves(np.array([1, 1, 1]), np.array([3, 4, 5], np.int32), CUT - np.array([2, 40, 0]) * DAY_US)
    scalars = made(block_of([Play(0, 1, 1.0)], 2), saves=saves).scalars
    assert [scalars[f"saves_{days}d"].tolist() for days in (1, 7, 28, 90)] == [[0, 0], [0, 1], [0, 1], [0, 2]]


def test_a_listener_without_a_play_has_counts_of_nothing_and_no_shares() -> None:
    features = made(block_of([Play(1, 1, 1.0), Play(2, 1, 95.0)], 4))
    for silent in (0, 2, 3):
        assert features.scalars["plays_90d"][silent] == features.scalars["active_weeks"][silent] == 0
        assert math.isnan(features.scalars["skip_rate"][silent]) and math.isnan(features.scalars["taste_diversity"][silent])
        assert np.isnan(features.vectors["hour_shares"][silent]).all()
        assert features.artists.groups.row(silent).tolist() == []


def test_an_empty_block_is_an_empty_answer() -> None:
    features = made(block_of([], 0))
    assert {len(values) for values in (*features.scalars.values(), *features.vectors.values())} == {0}
    assert features.artists.groups.start.tolist() == [0]


def test_an_unknown_track_is_refused() -> None:
    with pytest.raises(ContractError, match="track_idx 12"):
        made(block_of([Play(0, 12, 1.0)], 1))


@given(st.integers(0, 10_000), st.sampled_from(["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", None]))
@settings(max_examples=25, deadline=None)
def test_nothing_at_or_after_the_cut_changes_a_byte(seed: int, zone: str | None) -> None:
    """Where the heard time is logged; without it the job cuts the rows before anything is inferred from what follows."""
    before = drawn(seed)
    rng = np.random.default_rng(seed)
    later = [Play(int(rng.integers(4)), int(rng.integers(12)), -float(rng.uniform(0, 20))) for _ in range(20)]
    later.append(Play(0, 3, 0.0))
    assert flat(made(block_of(before, 4, zone))) == flat(made(block_of(before + later, 4, zone)))


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_listener_alone_has_the_same_bytes(seed: int) -> None:
    plays = drawn(seed)
    together = made(block_of(plays, 4))
    for who in range(4):
        alone = made(block_of([Play(**{**vars(p), "who": 0}) for p in plays if p.who == who], 1))
        for name, values in (together.scalars | together.vectors).items():
            assert values[who].tobytes() == (alone.scalars | alone.vectors)[name][0].tobytes(), name
        own = slice(*together.artists.groups.start[who : who + 2])
        assert together.artists.groups.row(who).tolist() == alone.artists.groups.row(0).tolist()
        for name in ("affinity", "adjusted", "activation"):
            assert getattr(together.artists, name)[own].tobytes() == getattr(alone.artists, name).tobytes()


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_everything_agrees_with_a_plain_walk(seed: int) -> None:
    block = block_of(drawn(seed), 4)
    features = made(block)
    for who in range(4):
        rows = [at for at in range(len(block)) if block.listener[at] == who and block.started_at[at] >= CUT - 90 * DAY_US]
        wanted = _walked(block, rows)
        got = {name: features.scalars[name][who] for name in wanted}
        assert got == pytest.approx(wanted, rel=1e-5, nan_ok=True)
        plays = Counter(int(ITEMS.artist[block.track_idx[at]]) for at in rows if ITEMS.artist[block.track_idx[at]] >= 0)
        loved = Counter(int(ITEMS.artist[block.track_idx[at]]) for at in rows if block.completed[at])
        del loved[-1]
        assert features.artists.groups.row(who).tolist() == sorted(loved, key=lambda artist: (-loved[artist], artist))
        total = sum(plays.values())
        entropy = -sum(n / total * math.log(n / total) for n in plays.values()) if total else math.nan
        assert features.scalars["taste_diversity"][who] == pytest.approx(entropy, rel=1e-5, abs=1e-6, nan_ok=True)


def _walked(block: Listening, rows: list[int]) -> dict[str, float]:
    month = [at for at in rows if block.started_at[at] >= CUT - 28 * DAY_US]
    seen: set[int] = set()
    first = 0
    for at in rows:
        first += at in month and block.track_idx[at] not in seen
        seen.add(block.track_idx[at])
    rated = [float(ITEMS.popularity[block.track_idx[at]]) for at in rows if block.track_idx[at] != 11]
    known = [at for at in rows if block.playlist[at] != 6]
    return {
        "skips_90d": sum(block.skipped[rows]),
        "completions_28d": sum(block.completed[month]),
        "discovery_propensity": first / len(month) if month else math.nan,
        "mainstreamness": sum(rated) / len(rated) if rated else math.nan,
        "session_length": len(rows) / len({block.session[at] for at in rows}) if rows else math.nan,
        "intent_share": sum(block.playlist[at] in (0, 1, 3) for at in known) / len(known) if known else math.nan,
        "active_weeks": len({(CUT - 1 - block.started_at[at]) // (7 * DAY_US) for at in rows}),
    }
