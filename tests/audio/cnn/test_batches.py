"""Batches: no artist on both sides, two patches of what belongs together, one shape throughout."""

from __future__ import annotations

import numpy as np
import pytest

from audio.cnn.batches import Catalogue, drawn, split
from conf.ears import TrainAudio
from conf.errors import ContractError


def catalogue(n: int, pairs: list[tuple[int, int]]) -> Catalogue:
    """Patches whose every cell says which track and which patch it is of: 3 * track + patch."""
    cells = np.arange(3 * n, dtype=np.uint8).reshape(n, 3, 1, 1)
    patches = np.broadcast_to(cells, (n, 3, 160, 2))
    factors = np.eye(n, 4, dtype=np.float32) * 5
    return Catalogue.of(patches, np.zeros(n, np.int32), factors, pairs=np.array(pairs, np.int32).reshape(-1, 2))


@pytest.mark.parametrize("seed", range(5))
def test_no_artist_is_both_trained_on_and_watched(seed: int) -> None:
    artist = np.random.default_rng(seed).integers(-1, 40, 400).astype(np.int32)
    trained, watched = split(artist, TrainAudio(watched=0.2, seed=seed, max_tracks=300))
    assert len(trained) + len(watched) == 300
    assert 20 <= len(watched) <= 60
    assert set(artist[trained]) & set(artist[watched]) <= {-1}
    assert not set(trained) & set(watched)


def test_a_batch_holds_two_patches_of_each_track_or_one_of_its_partner() -> None:
    params = TrainAudio(batch=4, paired=1.0)
    batches = list(drawn(catalogue(10, [(0, 1), (2, 9), (5, 5)]), np.arange(9), params, np.random.default_rng(0)))
    assert [len(batch["track"]) for batch in batches] == [8, 8, 8]
    assert {int(track) for batch in batches for track in batch["track"][:4]} == set(range(9))
    for batch in batches:
        first, second = np.split(batch["track"], 2)
        for one, other in zip(first, second, strict=True):
            assert other == {0: 1, 1: 0}.get(int(one), one), "partners must be trained on, and the rest are their own"
        cell = batch["patches"][:, 0, 0].astype(int)
        np.testing.assert_array_equal(cell // 3, batch["track"])
        assert ((cell[:4] % 3) != (cell[4:] % 3)).all()


def test_factors_become_unit_rows_and_cold_ones_zeros() -> None:
    made = catalogue(6, [])
    np.testing.assert_array_equal(made.factors[:4], np.eye(4, dtype=np.float32))
    assert not made.factors[4:].any()
    cold = Catalogue.of(made.patches, made.artist, made.factors, warm=np.arange(6) > 0)
    assert not cold.factors[0].any() and cold.factors[1].any()


def test_readings_are_standardised_past_what_is_unknown() -> None:
    made = catalogue(4, [])
    readings = np.array([[10.0, 1.0], [30.0, 1.0], [np.nan, 1.0], [999.0, 1.0]], np.float32)
    scaled, undo = Catalogue.of(made.patches, made.artist, readings=readings).standardised(np.arange(3))
    assert undo["readings/mean"].tolist() == [20.0, 1.0] and undo["readings/spread"].tolist() == [10.0, 1.0]
    np.testing.assert_allclose(scaled.readings[:3], [[-1, 0], [1, 0], [np.nan, 0]])


def test_arrays_of_different_tracks_are_refused() -> None:
    made = catalogue(4, [])
    with pytest.raises(ContractError, match="different tracks"):
        Catalogue.of(made.patches, made.artist[:3])
    with pytest.raises(ContractError, match="different tracks"):
        Catalogue.of(made.patches, made.artist, pairs=np.array([[0, 4]], np.int32))
