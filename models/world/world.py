"""The whole world but its listens: catalogue, trends and listeners, built from a size and a seed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from models.world.catalogue import WorldCatalogue, build_catalogue
from models.world.listeners import Listeners, build_listeners
from models.world.listening import BLOCK, Listens, listen_block
from models.world.shelf import Shelf, stock_shelf
from models.world.sizes import WORLD_END, WorldSize
from models.world.trends import Trends, build_trends


@dataclass(frozen=True)
class World:
    """Everything that is fixed before the first track plays."""

    size: WorldSize
    seed: int
    until: date
    catalogue: WorldCatalogue
    trends: Trends
    listeners: Listeners
    shelf: Shelf

    @property
    def first_day(self) -> date:
        """First day (UTC); all times of the world count from its midnight."""
        return self.size.first_day(self.until)

    @property
    def days(self) -> int:
        """Number of days that the world lasts."""
        return self.size.weeks * 7

    def listens(self, threads: int = 2) -> Iterator[Listens]:
        """Yield the listens block by block, always in the same order, made by `threads` threads running ahead."""
        blocks = range(-(-self.size.listeners // BLOCK))
        with ThreadPoolExecutor(threads) as pool:
            running: list[Future[Listens]] = []
            for number in blocks:
                running.append(pool.submit(listen_block, self.shelf, self.listeners, number, self.seed))
                if len(running) > threads:  # bounds memory: at most threads + 1 blocks exist
                    yield running.pop(0).result()
            while running:
                yield running.pop(0).result()


def build_world(size: WorldSize, seed: int, until: date = WORLD_END) -> World:
    """Build the world of a size and a seed that ends before `until`."""
    catalogue = build_catalogue(size, seed)
    trends = build_trends(catalogue, size, seed)
    listeners = build_listeners(catalogue, size, seed)
    return World(size, seed, until, catalogue, trends, listeners, stock_shelf(catalogue, trends, size.weeks))
