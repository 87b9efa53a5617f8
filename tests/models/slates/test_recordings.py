"""Which titles are one recording, and which only look alike."""

import numpy as np
import pytest

from models.slates.recordings import group_versions, normalise_title


@pytest.mark.parametrize(
    "version",
    [
        "Blue Monday - 2011 Remaster",
        "BLUE MONDAY (Remastered)",
        "Blue Monday [Live at Wembley]",
        "Blue Monday (feat. Somebody)",
        "Blue Monday - Radio Edit",
        "Blue  Monday!",
        "Blue Monday (Mono Version)",
    ],
)
def test_versions(version):
    assert normalise_title(version) == "blue monday"


@pytest.mark.parametrize(
    "other", ["Blue Monday (Hardfloor Remix)", "Blue Mondays", "Blue Monday, Pt. 2", "Live Forever", "Demon"]
)
def test_other_recordings(other):
    assert normalise_title(other) not in ("blue monday", "", "forever")


def test_titles_in_other_scripts_keep_their_letters():
    assert normalise_title("東京") == "東京" and normalise_title("Любовь (Live)") == normalise_title("любовь")


def test_unknown_isrc_artist_and_title_join_nothing():
    grouped = group_versions([None, "", None, None], np.array([1, 1, -1, -1], np.int32), [None, "", "Song", "Song"])
    assert grouped.tolist() == [0, 1, 2, 3]


def test_chains_join():
    grouped = group_versions(["A", "A", "B", "B"], np.array([0, 1, 1, 2], np.int32), ["x", "y", "y", "z"])
    assert grouped.tolist() == [0, 0, 0, 0]
