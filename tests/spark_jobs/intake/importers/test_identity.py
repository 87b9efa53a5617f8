"""Ids of names: equal where people mean the same artist, different where they do not."""

from __future__ import annotations

import doctest

import pytest

from spark_jobs.intake.importers import identity, instants, play_spread
from spark_jobs.intake.importers.identity import artist_id_of_name, join_key, track_id_of_names


@pytest.mark.parametrize("module", [identity, instants, play_spread])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0


def test_name_id_is_the_same_on_every_machine():
    assert artist_id_of_name("Björk") == "name-590a34408cfed52d"  # printf björk | sha256sum


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Björk", "Bjo\u0308rk"),  # composed and decomposed
        ("ＡＢＢＡ", "abba"),  # full-width letters
        ("Daft  Punk ", "daft punk"),
    ],
)
def test_spellings_of_one_name_share_an_id(one, other):
    assert artist_id_of_name(one) == artist_id_of_name(other)


def test_track_id_keeps_artist_and_title_apart():
    assert track_id_of_names("ab", "c") != track_id_of_names("a", "bc")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The Scorpions", "Scorpions", True),
        ("Earth, Wind & Fire", "Earth Wind and Fire", True),
        ("Blue Öyster Cult", "Blue Oyster Cult", True),
        ("The The", "The", True),  # only one article goes
        ("#####", ":(", False),  # nothing but punctuation: the name itself is the key
        ("Кино", "Ария", False),
    ],
)
def test_join_key(one, other, same):
    assert (join_key(one) == join_key(other)) is same
