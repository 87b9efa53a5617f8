from __future__ import annotations

from dataclasses import replace

from models.world import SIZES, with_numbers


def test_given_numbers_replace_the_sizes_own() -> None:
    demo = SIZES["demo"]
    assert with_numbers(demo, listeners=None, audio=None) == demo
    assert with_numbers(demo, listeners=7, audio=None) == replace(demo, listeners=7)
    assert with_numbers(demo, listeners=None, audio=0) == replace(demo, audio=0), "none is a number too"


def test_sound_is_for_worlds_that_can_afford_it() -> None:
    """Songs take longer to make than all the listens: the tests' world and the largest have none unless it is asked for."""
    assert {name: size.audio for name, size in SIZES.items()} == {"tiny": 0, "demo": 600, "city": 0}
    assert all(size.audio <= size.tracks for size in SIZES.values())
