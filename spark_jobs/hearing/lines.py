"""row of a file -> lines that people read: one for a file that was heard, two for one that was not, and a last one for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audio import key, tempo
from audio.constants import WINDOW_S

HEADER = "    bpm      or  key        energy   LUFS  acoustic  mood           length  file"
NOTE = "? a guess    - nothing there to hear    or: how else people may count the beat"
_BEFORE_FILE = HEADER.index("file")

# conf.audio.REASONS says what a word means; this is what to do, said where it happens.
REMEDIES = {
    "missing": "check the path",
    "empty": "copy the file again from where it came",
    "unrecognised": "if it is music, convert it to flac, ogg or mp3",
    "decode_error": "if a player plays it, convert it to flac",
    "truncated": "copy or download the file again",
    "corrupt_samples": "export or rip it again",
    "too_short": "there is not enough of it to tell a tempo or a key",
    "silent": "listen to it: if there is sound, it lies outside the part that is heard",
    "too_large": "convert it to flac, ogg or mp3, or cut it",
    "timeout": "try again on an idle machine, or convert it to flac",
    "crash": "convert it to flac, and please report the file",
}


def line_of(row: Mapping[str, Any]) -> str:
    """What is told of one file, under HEADER.

    >>> print(line_of({"status": "failed", "reason": "empty", "detail": "a.mp3: 0 bytes", "path": "old/a.mp3"}))
    failed: empty                                                               old/a.mp3
            0 bytes; copy the file again from where it came
    """
    if row["status"] == "failed":
        detail = str(row["detail"]).removeprefix(f"{str(row['path']).rpartition('/')[2]}: ")
        first = f"failed: {row['reason']}".ljust(_BEFORE_FILE)
        remedy = "" if "convert" in detail else f"; {REMEDIES[row['reason']]}"
        return f"{first}{row['path']}\n        {detail}{remedy}"
    cells = (
        _doubted(_number(row["tempo_bpm"]), row["tempo_conf"] < tempo.TRUSTED).rjust(8),
        _number(row["tempo_alt_bpm"]).rjust(7),
        " " + _doubted(row["key"] or "-", row["key_conf"] < key.TRUSTED).ljust(10),
        f"{row['energy']:.2f}".rjust(6),
        f"{row['loudness_db']:.1f}".rjust(6),
        f"{row['acousticness']:.2f}".rjust(9),
        f" {strongest(row['moods'])}".ljust(13),
        clock(row["duration_s"]).rjust(7),
        f" {row['path']}",
    )
    return " ".join(cells)


def strongest(moods: Mapping[str, float]) -> str:
    """The mood with the largest share, and the share.

    >>> strongest({"happy": 0.2, "calm": 0.5, "sad": 0.3})
    'calm 50 %'
    """
    mood = max(moods, key=lambda name: moods[name])
    return f"{mood} {100 * moods[mood]:.0f} %"


def clock(seconds: float) -> str:
    """A length as players show it.

    >>> clock(3.4), clock(59.6), clock(3725)
    ('0:03', '1:00', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass
class Tally:
    """What became of the files so far.

    Attributes
    ----------
    heard : files. sound_s : seconds of sound that were listened to, at most WINDOW_S of a file. failed : files by reason.
    """

    heard: int = 0
    sound_s: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one file."""
        if row["status"] == "failed":
            self.failed[row["reason"]] += 1
        else:
            self.heard += 1
            self.sound_s += min(row["duration_s"], WINDOW_S)

    def summary(self, elapsed_s: float) -> str:
        """The last line, after so many seconds.

        >>> Tally(12, 1080.0, Counter(empty=2, silent=1)).summary(4.0)
        '12 files heard, 3 failed (2 empty, 1 silent); 1,080 s of sound in 4.0 s: 270 times real time'
        """
        failures = ", ".join(f"{count} {reason}" for reason, count in self.failed.most_common())
        told = f"{self.heard:,} file{'' if self.heard == 1 else 's'} heard, {self.failed.total():,} failed"
        told += f" ({failures})" if failures else ""
        pace = f": {self.sound_s / elapsed_s:,.0f} times real time" if self.heard and elapsed_s > 0 else ""
        return f"{told}; {self.sound_s:,.0f} s of sound in {elapsed_s:.1f} s{pace}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _doubted(text: str, doubtful: bool) -> str:
    """A guess ends in "?"; what is sure, in a blank, so that digits stand below digits."""
    return text + ("?" if doubtful and text != "-" else " ")
