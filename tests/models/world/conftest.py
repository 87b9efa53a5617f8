"""One tiny world for all tests of models/world."""

from __future__ import annotations

import pytest

from models.world import SIZES, World, build_world, with_numbers
from models.world.dirt import concatenate
from models.world.listening import Listens


@pytest.fixture(scope="session")
def world() -> World:
    return build_world(SIZES["tiny"], seed=11)


@pytest.fixture(scope="session")
def listens(world: World) -> Listens:
    return concatenate(list(world.listens()))


@pytest.fixture(scope="session")
def demo() -> World:
    """Return the demo's music with few enough listeners to be quick."""
    return build_world(with_numbers(SIZES["demo"], listeners=400, audio=0), seed=8)


@pytest.fixture(scope="session")
def demo_block(demo: World) -> Listens:
    return next(demo.listens())
