"""what was heard in a file -> the row that people and programs read: findings rounded to what they are worth."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audio import key
from spark_jobs.hearing.ear import FileHeard

Row = dict[str, Any]

KEYS = (
    *("path", "status", "reason", "detail", "duration_s", "tempo_bpm", "tempo_conf", "tempo_alt_bpm"),
    *("key", "key_pc", "key_mode", "key_conf", "tuning_cents", "energy", "loudness_db", "acousticness"),
    *("valence", "arousal", "moods", "tempo_alt_weight", "instrumentalness", "dynamics_db", "centroid_hz", "flatness_db"),
    *("onset_rate", "container"),
)
# Digits after the point: a tempo is known to .1 % at best, loudness to .1 LU. What is not here is a share or a confidence.
_DIGITS = {
    **{"duration_s": 2, "tempo_bpm": 2, "tempo_alt_bpm": 2, "tuning_cents": 1, "loudness_db": 1, "dynamics_db": 1},
    **{"centroid_hz": 0, "flatness_db": 1, "onset_rate": 2},
}
_DIGITS_OF_SHARES = 3


def row_of(file: FileHeard) -> Row:
    """Row of one file with all of KEYS in their order; the findings of a file that was not heard are None."""
    known: Row = {name: getattr(file, name) for name in ("status", "reason", "detail", "duration_s", "container")}
    found = file.heard.findings() if file.heard else {}
    row = dict.fromkeys(KEYS) | known | found | {"path": printable(file.path), "key": key_name(found)}
    return {name: _rounded(name, value) for name, value in row.items()}


def failed(path: Path, reason: str, detail: str) -> Row:
    """Row of a file that no ear got to see, or came back from."""
    return row_of(FileHeard(path, reason, detail))


def key_name(found: Mapping[str, Any]) -> str | None:
    """The key as musicians write it, by `key_pc` and `key_mode`.

    >>> key_name({"key_pc": 6, "key_mode": "minor"}), key_name({"key_pc": None})
    ('F# minor', None)
    """
    return None if found.get("key_pc") is None else key.key_name(found["key_pc"], found["key_mode"])


def printable(path: Path) -> str:
    """Path as text that every encoding knows: names of files are bytes, and some are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def _rounded(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {part: _rounded(name, share) for part, share in value.items()}
    if isinstance(value, float):  # + 0.0: a rounded -0.04 is no -0.0
        return round(value, _DIGITS.get(name, _DIGITS_OF_SHARES)) + 0.0
    return value
