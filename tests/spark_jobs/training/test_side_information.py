"""Sound beside the words: embeddings that find their tracks."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spark_jobs.training.side_information import plain, with_sound

MONDAY = date(2026, 9, 7)


def track_audio(*rows: tuple[str, str | None, list[float] | None]) -> pa.Table:
    """(track, network, embedding) of each row."""
    names, networks, embeddings = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"track_id": pa.array(names, pa.string()), "network": pa.array(networks, pa.string())}
    return pa.table(columns | {"embedding": pa.array(embeddings, pa.list_(pa.float32()))})


@pytest.fixture
def joined(as_rows: Any, tracks: pa.Table) -> Any:
    """Catalogue of the forty planted tracks with sound; it is handed out in several chunks, as tables of files are."""

    def join(audio: pa.Table) -> Any:
        chunked = pa.concat_tables([tracks.slice(0, 7), tracks.slice(7)])
        sound = pa.concat_tables([audio.slice(0, 1), audio.slice(1)])
        return with_sound(plain(as_rows(tracks), MONDAY), as_rows(chunked), as_rows(sound))

    return join


def test_each_embedding_goes_to_its_track_and_the_rest_is_zero(joined: Any) -> None:
    found = joined(track_audio(("t07", "n", [0.6, 0.8]), ("t39", "n", None), ("t01", "n", [1.0, 0.0]))).sound
    assert found.shape == (40, 2)
    assert found.dtype == np.float32
    assert np.flatnonzero(found.any(axis=1)).tolist() == [1, 7]
    assert found[[1, 7]].ravel().tolist() == pytest.approx([1.0, 0.0, 0.6, 0.8])


def test_tracks_that_nobody_knows_are_passed_over(joined: Any) -> None:
    found = joined(track_audio(("stranger", "n", [0.0, 1.0]), ("t03", "n", [1.0, 0.0]))).sound
    assert np.flatnonzero(found.any(axis=1)).tolist() == [3]


@pytest.mark.parametrize("rows", [(), (("t01", None, None),), (("stranger", "n", [0.0, 1.0]),)])
def test_without_an_embedding_the_catalogue_is_as_it_was(as_rows: Any, tracks: pa.Table, rows: Any) -> None:
    catalogue = plain(as_rows(tracks), MONDAY)
    assert with_sound(catalogue, as_rows(tracks), as_rows(track_audio(*rows))) is catalogue


def test_of_two_networks_the_one_with_more_tracks_counts(joined: Any) -> None:
    """A week whose run was killed between two networks: their numbers have nothing in common, not even how many they are."""
    found = joined(
        track_audio(
            ("t01", "old", [1.0, 0.0, 0.0]), ("t02", "new", [0.6, 0.8]), ("t03", "new", [0.0, 1.0]), ("t04", None, None)
        )
    ).sound
    assert found.shape == (40, 2)
    assert np.flatnonzero(found.any(axis=1)).tolist() == [2, 3]
