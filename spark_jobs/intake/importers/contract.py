"""What an importer is: a name, what it reads, the options it takes, and the report it hands back."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Protocol

from conf.errors import DiskError, LandingError, UsageError

OptionValue = str | int | date | Path


@dataclass(frozen=True)
class Option:
    """One option of `plant import`.

    flag : as typed, `--user`. keyword : the argument of `read` that it fills, `user_id`.
    type : what the text is turned into: str, int, date (ISO 8601) or Path.
    """

    flag: str
    keyword: str
    type: type[str] | type[int] | type[date] | type[Path]
    meaning: str


USER = Option("--user", "user_id", str, "listener whose personal history this is")
SEED = Option("--seed", "seed", int, "seed of what has to be simulated or drawn")
UNTIL = Option("--until", "until", date, "first day after the simulated listens, UTC")
TRACKS = Option("--tracks", "tracks", Path, "folder with the track catalogue")
OPTIONS = (USER, SEED, UNTIL, TRACKS)


@dataclass(frozen=True)
class ImportReport:
    """What one import did; nothing is left out without a count here.

    written : rows per landing entity. left_out : rows of the source that did not come along, per reason.
    facts : seed, listeners, held-out pairs and the like, in the order in which they are shown.
    """

    importer: str
    landing: Path
    written: Mapping[str, int]
    left_out: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, int | float | str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Plain values for `--json`."""
        counts = {"written": dict(self.written), "left_out": dict(self.left_out), "facts": dict(self.facts)}
        return {"importer": self.importer, "landing": str(self.landing), **counts}

    def lines(self) -> list[str]:
        """Text for a terminal: one line per kind of number, thousands separated."""
        kinds = {"written": self.written, "left out": self.left_out, "facts": self.facts}
        return [f"{self.importer} -> {self.landing}"] + [
            f"  {kind}: " + (", ".join(f"{name} {_shown(n)}" for name, n in counts.items()) or "nothing")
            for kind, counts in kinds.items()
        ]


class Read(Protocol):
    """`read(source, landing, **options)`: the one function of an importer's module."""

    def __call__(self, source: Path, landing: Path, **options: OptionValue) -> ImportReport:
        """Write the landing folder and report."""


@dataclass(frozen=True)
class Importer:
    """One format that `plant import` reads.

    name : the word on the command line. doc : one line of help. module : imported only when the importer runs, so that
    `--help` loads neither pandas nor DuckDB. options : the options that `read` takes; those without a default in its
    signature must be given.
    """

    name: str
    doc: str
    module: str
    options: tuple[Option, ...]

    @property
    def read(self) -> Read:
        """The format's `read` function."""
        read: Read = import_module(self.module).read
        return read

    def run(self, source: Path, landing: Path, options: Mapping[str, OptionValue | None]) -> ImportReport:
        """Call `read` with the options that were given (None: not given).

        Raises
        ------
        UsageError : an option that this format does not take, or one that it needs and did not get.
        LandingError : the source does not exist or is not in this format.
        DiskError : a file cannot be read or written.
        """
        given = {keyword: value for keyword, value in options.items() if value is not None}
        self._check(given)
        if not source.exists():
            raise LandingError(f"import {self.name}: {source} does not exist; give the file or folder to read")
        try:
            return self.read(source, landing, **given)
        except OSError as error:
            raise DiskError(f"import {self.name}: {error}; {landing} is as it was") from error

    def _check(self, given: Mapping[str, OptionValue]) -> None:
        """Raise UsageError unless `given` fits the options of this format."""
        flags = {option.keyword: option.flag for option in OPTIONS}
        taken = {option.keyword for option in self.options}
        if extra := [flags.get(keyword, keyword) for keyword in given if keyword not in taken]:
            known = ", ".join(option.flag for option in self.options) or "no options"
            raise UsageError(f"import {self.name} does not take {', '.join(extra)}; it takes {known}")
        parameters = inspect.signature(self.read).parameters
        needed = [option for option in self.options if parameters[option.keyword].default is inspect.Parameter.empty]
        if missing := [option for option in needed if option.keyword not in given]:
            texts = ", ".join(f"{option.flag} ({option.meaning})" for option in missing)
            raise UsageError(f"import {self.name} needs {texts}")


def _shown(value: int | float | str) -> str:
    """`value` with a thousands separator where it is a number."""
    return value if isinstance(value, str) else f"{value:,}"
