"""A simulated world with planted truth: seeded, arrays only. `spark_jobs.intake.simulate` writes its files."""

from models.world.sizes import SIZES, WORLD_END, WorldSize, with_numbers
from models.world.world import World, build_world

__all__ = ["SIZES", "WORLD_END", "World", "WorldSize", "build_world", "with_numbers"]
