"""The frozen test set stays frozen, covers what it must, and shares no song with what ears are tuned on."""

from __future__ import annotations

from dataclasses import fields
from zlib import crc32

import numpy as np
import orjson

from audio.synth import Song, truth
from audio.synth.test_set import cadences, frozen_test_set, validation_set


def digest(songs: list[Song]) -> int:
    """Checksum over all quantities to six digits."""
    values = [[f"{v:.6g}" if isinstance(v, float) else str(v) for v in (getattr(s, f.name) for f in fields(s))] for s in songs]
    return crc32(str(values).encode())


def test_the_test_set_is_frozen() -> None:
    assert digest(list(frozen_test_set())) == 3065113183


def test_the_test_set_covers_keys_modes_metres_and_tempi() -> None:
    told = [truth(song) for song in frozen_test_set()]
    assert len(told) == 300
    assert len({(t.key_pc, t.key_mode) for t in told}) == 24
    assert {t.metre for t in told} == {"4/4", "3/4", "6/8"}
    assert min(t.tempo_bpm for t in told) < 60
    assert max(t.tempo_bpm for t in told) > 180
    assert 0.5 < np.mean([t.sung for t in told]) < 0.9
    assert 0.1 < np.mean([t.drums == "none" for t in told]) < 0.4


def test_validation_songs_are_others() -> None:
    seeds = {song.seed for song in frozen_test_set()}
    assert seeds.isdisjoint({song.seed for n in range(3) for song in validation_set(300, seed=n)})
    assert digest(list(validation_set(5, 1))) == digest(list(validation_set(9, 1))[:5])


def test_cadences_go_through_all_keys() -> None:
    told = [truth(song) for song in cadences(24, seed=0)]
    assert len({(t.key_pc, t.key_mode) for t in told}) == 24


def test_truth_is_a_row_of_json() -> None:
    row = orjson.loads(orjson.dumps(truth(Song(seed=1, tempo=91.25)).row()))
    assert row["tempo_bpm"] == 91.25
    assert row["simulated"] is True
