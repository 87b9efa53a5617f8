"""folder -> split: public recommendation benchmarks as they are passed around, read line by line.

Two shapes. *Sets*: `train.txt`, `test.txt` and perhaps `valid.txt`, either one listener a line (`user item item ...`) or one
pair a line (`user item weight`; a listener then stands in many lines). *Sequences*: one `*.txt` of chronological lines
`user item item ...`; the last item is the test, the one before the validation. Numbers are whole and not negative.

Without valid.txt a seeded tenth of the training pairs is the validation. One tenth of a small log is too noisy to tell good
settings from lucky ones, so up to TENTHS of them validate in turn, until ENOUGH pairs do. Whoever tunes sees these folds alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.errors import LandingError, UsageError
from models.histories import Histories

VALID_SHARE = 0.1
TENTHS, ENOUGH = 4, 15_000
Kind = Literal["sets", "sequences"]


@dataclass(frozen=True)
class Pairs:
    """Who had what.

    Attributes
    ----------
    user : int64 [n]; item : int32 [n], dense numbers.
    weight : float32 [n], > 0; 1 where the file has none.
    place : int32 [n], position in the listener's sequence; 0 throughout in sets.
    """

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    place: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: npt.NDArray[np.bool_]) -> Pairs:
        """The pairs for which `mask` is true."""
        return Pairs(self.user[mask], self.item[mask], self.weight[mask], self.place[mask])

    def and_(self, other: Pairs) -> Pairs:
        """Both together."""
        return Pairs(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in ("user", "item", "weight", "place")))


@dataclass(frozen=True)
class Fold:
    """One way to choose settings: train on `fit`, look at `valid`."""

    fit: Pairs
    valid: Pairs


@dataclass(frozen=True)
class Split:
    """A benchmark.

    Attributes
    ----------
    folds : what settings are chosen on; `fit` and `valid` of any of them together are the same training pairs.
    test : judges, once, the model that was trained on all of these.
    users, items : how many there are, in any part.
    """

    name: str
    kind: Kind
    folds: tuple[Fold, ...]
    test: Pairs
    users: int
    items: int

    @property
    def train(self) -> Pairs:
        """Everything but the test."""
        return self.folds[0].fit.and_(self.folds[0].valid)

    @property
    def weighted(self) -> bool:
        """Whether the pairs carry weights that differ."""
        weight = self.folds[0].fit.weight
        return bool((weight != weight[:1]).any())

    def histories(self, pairs: Pairs) -> Histories:
        """Histories of all `users`; the day of a track is its last place in the sequence."""
        key = pairs.user * self.items + pairs.item
        order = np.lexsort((pairs.place, key))
        found, first, plays = np.unique(key[order], return_index=True, return_counts=True)
        user, item = np.divmod(found, self.items)
        counts = plays.astype(np.int32)
        return Histories(
            user_ids=pa.array([f"u{n:09d}" for n in range(self.users)]),
            indptr=np.searchsorted(user, np.arange(self.users + 1)).astype(np.int64),
            track_idx=item.astype(np.int32),
            plays=counts,
            completions=counts,
            skips=np.zeros_like(counts),
            last_day=pairs.place[order][first + plays - 1],
            weight=np.add.reduceat(pairs.weight[order], first) if len(first) else np.empty(0, np.float32),
        )


def read(folder: Path, seed: int) -> Split:
    """The benchmark in `folder`; `seed` chooses the validation pairs where no file names them.

    Raises
    ------
    UsageError
        Where there is no such folder.
    LandingError
        Where the folder or a line has another shape; the message names file and line.
    """
    if not folder.is_dir():
        raise UsageError(f"benchmark: {folder} is not a folder")
    if (folder / "train.txt").is_file() and (folder / "test.txt").is_file():
        return _sets(folder, seed)
    found = sorted(folder.glob("*.txt"))
    if len(found) == 1:
        return _sequences(folder.name, found[0])
    names = ", ".join(path.name for path in found) or "none"
    raise LandingError(
        f"benchmark: {folder} holds *.txt files {names}; wanted train.txt and test.txt (and perhaps valid.txt), or one file of "
        "chronological sequences"
    )


def _sets(folder: Path, seed: int) -> Split:
    names = ("train", "valid", "test")
    take = _rows if _one_pair_a_line(folder / "train.txt") else _lists  # a short test.txt alone would not tell
    raw = {name: take(folder / f"{name}.txt") for name in names if (folder / f"{name}.txt").is_file()}
    for name in ("train", "test"):
        if not len(raw[name]):
            raise LandingError(f"benchmark: {folder.name}/{name}.txt, line 1: the file holds no pair of user and item")
    dense, users, items = _numbered(list(raw.values()))
    parts = dict(zip(raw, dense, strict=True))
    folds = (Fold(parts["train"], parts["valid"]),) if "valid" in parts else _tenths(parts["train"], seed)
    return Split(folder.name, "sets", folds, parts["test"], users, items)


def _tenths(train: Pairs, seed: int) -> tuple[Fold, ...]:
    """At most TENTHS folds, no pair the validation of two; of a handful of pairs fewer, and perhaps one without any."""
    drawn = np.random.default_rng(seed).random(len(train))
    wanted = min(TENTHS, max(1, math.ceil(ENOUGH / max(VALID_SHARE * len(train), 1))))
    tenths = [(drawn >= n * VALID_SHARE) & (drawn < (n + 1) * VALID_SHARE) for n in range(wanted)]
    filled = [tenth for tenth in tenths if tenth.any()] or tenths[:1]
    return tuple(Fold(train.where(~tenth), train.where(tenth)) for tenth in filled)


def _sequences(name: str, path: Path) -> Split:
    whole = _lists(path)
    if not len(whole):
        raise LandingError(f"benchmark: {name}/{path.name}, line 1: the file holds no sequence")
    (whole,), users, items = _numbered([whole])
    length = np.bincount(whole.user, minlength=users)
    from_end = length[whole.user] - 1 - whole.place
    judged = length[whole.user] >= 3  # a shorter one could not have a past, a validation and a test
    test, valid = judged & (from_end == 0), judged & (from_end == 1)
    fold = Fold(whole.where(~test & ~valid), whole.where(valid))
    return Split(name, "sequences", (fold,), whole.where(test), users, items)


def _numbered(parts: list[Pairs]) -> tuple[list[Pairs], int, int]:
    """(the same pairs with dense numbers in order of the files' own, how many users, how many items)."""
    users = np.unique(np.concatenate([p.user for p in parts]))
    items = np.unique(np.concatenate([p.item for p in parts]))
    dense = [
        Pairs(np.searchsorted(users, p.user), np.searchsorted(items, p.item).astype(np.int32), p.weight, p.place) for p in parts
    ]
    return dense, len(users), len(items)


def _lists(path: Path) -> Pairs:
    """Pairs of a file of one listener a line, in the order of its lines."""
    user: list[int] = []
    items: list[int] = []
    lengths: list[int] = []
    for number, fields in _lines(path):
        user.append(_whole(fields[0], path, number, "user"))
        items += [_whole(field, path, number, "item") for field in fields[1:]]
        lengths.append(len(fields) - 1)
    _refuse_twice(user, path)
    place = np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]) if lengths else np.empty(0, np.int32)
    owner = np.repeat(np.array(user, np.int64), lengths)
    return Pairs(owner, np.array(items, np.int32), np.ones(len(items), np.float32), place)


def _one_pair_a_line(path: Path) -> bool:
    """Whether a file of sets has rows `user item weight`: three fields in each line, and listeners that come again."""
    lines = [fields for _, fields in _lines(path)]
    users = {fields[0] for fields in lines}
    return (
        bool(lines)
        and all(len(fields) == 3 for fields in lines)
        and (len(users) < len(lines) or all(f[2] == "1" for f in lines))
    )


def _rows(path: Path) -> Pairs:
    user, item, weight = [], [], []
    for number, fields in _lines(path):
        user.append(_whole(fields[0], path, number, "user"))
        item.append(_whole(fields[1], path, number, "item"))
        weight.append(_weight(fields[2], path, number))
    n = len(user)
    return Pairs(np.array(user, np.int64), np.array(item, np.int32), np.array(weight, np.float32), np.zeros(n, np.int32))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of each line that is not blank."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                fields = line.decode().split()
            except UnicodeDecodeError:
                raise LandingError(f"benchmark: {_short(path)}, line {number}: no UTF-8 text") from None
            if fields:
                yield number, fields


def _whole(text: str, path: Path, number: int, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > np.iinfo(np.int32).max:
        raise LandingError(
            f"benchmark: {_short(path)}, line {number}: {text[:40]!r} is no {what} number; wanted lines "
            "`user item item ...` or `user item weight`"
        )
    return int(text)


def _weight(text: str, path: Path, number: int) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = float("nan")
    if not 0 < weight < float("inf"):
        raise LandingError(f"benchmark: {_short(path)}, line {number}: weight {text[:40]!r} is no number above 0")
    return weight


def _refuse_twice(users: list[int], path: Path) -> None:
    if len(set(users)) != len(users):
        seen: set[int] = set()
        for (number, fields), user in zip(_lines(path), users, strict=True):
            if user in seen:
                raise LandingError(
                    f"benchmark: {_short(path)}, line {number}: user {fields[0]} stands in an earlier line too, and not every "
                    "line is a row `user item weight`"
                )
            seen.add(user)


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
