"""session_modes, sessions, listener_contexts -> when, on what and for what occasion a listener listens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conf.contexts import CONTEXTS
from conf.settings import Settings
from spark_jobs.portraits.words import busiest, is_foreign
from spark_jobs.queries import rows
from spark_jobs.warehouse import Warehouse

Row = dict[str, Any]
# As many weeks as the features look back.
WEEKS = 13
# Jobs that weigh another's listening; what to write into the settings so that it counts for nothing in the listener's taste.
WEIGHING = ("build_histories", "build_listener_features")
EXCLUDED_BY = ", ".join(f"{job}: {{foreign: {{weight: 0}}}}" for job in WEIGHING)
_SITTINGS = """
select m.run_date, m.started_at, m.plays, m.context, m.mode, m.contexts, m.own, s.device, s.ended_at
from session_modes m left join
    (select started_at, any_value(device) as device, max(ended_at) as ended_at from sessions
     where user_id = $user_id and session_date >= $since group by started_at) s on s.started_at = m.started_at
where m.user_id = $user_id and m.run_date > $since and m.run_date <= $until order by m.started_at
"""
_CONTEXTS = """
select context, share, sessions from listener_contexts where run_date = $run_date and user_id = $user_id
order by share desc, context
"""


@dataclass(frozen=True)
class Sitting:
    """One session: `mode` is what it was most probably for, with that probability.

    local, until : start and end on the listener's wall clock; the same where the end is not known.
    """

    run_date: date
    started_at: datetime
    local: datetime
    until: datetime
    plays: int
    mode: str
    probability: float
    device: str | None

    def told(self) -> Row:
        """As the document shows it."""
        return {
            "started_at": self.started_at, "local": f"{self.local:%a %Y-%m-%d %H:%M}", "day": self.local.date(),
            "hour": self.local.hour, "plays": self.plays, "mode": self.mode, "probability": round(self.probability, 3),
            "device": self.device, "own": not is_foreign(self.mode),
        }  # fmt: skip


def read(warehouse: Warehouse, user_id: str, monday: date, timezone: str | None) -> list[Sitting]:
    """Sessions of the weeks up to `monday` that are kept, the oldest first."""
    zone = zone_of(timezone)
    span = {"user_id": user_id, "since": monday - timedelta(weeks=WEEKS), "until": monday}
    return [_sitting(row, zone) for row in rows(warehouse, _SITTINGS, span)]


def _sitting(row: Row, zone: ZoneInfo) -> Sitting:
    mode, at = row["mode"] if is_foreign(row["mode"]) else row["context"], row["started_at"]
    clock = [moment.astimezone(zone) for moment in (at, row["ended_at"] or at)]
    return Sitting(row["run_date"], at, *clock, row["plays"], mode, likelihood(row), row["device"])


def likelihood(row: Row) -> float:
    """Probability of a session's mode: of its context, or that another's taste plays.

    >>> likelihood({"mode": "commute", "context": "commute", "contexts": [0.75, 0.0, 0.0, 0.0, 0.25], "own": 0.9})
    0.75
    >>> likelihood({"mode": "child", "context": "any", "contexts": [0.0, 0.0, 0.0, 0.0, 1.0], "own": 0.25})
    0.75
    """
    if is_foreign(row["mode"]):
        return 1.0 - float(row["own"])
    return float(row["contexts"][CONTEXTS.index(row["context"])])


def zone_of(timezone: str | None) -> ZoneInfo:
    """The zone of that name; UTC for null and for names that nobody knows.

    >>> zone_of("Europe/Berlin").key, zone_of(None).key, zone_of("Mars/Base").key
    ('Europe/Berlin', 'UTC', 'UTC')
    """
    try:
        return ZoneInfo(timezone or "UTC")
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")


def contexts(warehouse: Warehouse, user_id: str, monday: date, heard: list[Sitting]) -> list[Row]:
    """Each context that the listener has sessions of: its share, and when and on what it happens."""
    found = rows(warehouse, _CONTEXTS, {"run_date": monday, "user_id": user_id})
    return [row | habits([s for s in heard if s.mode == row["context"]]) for row in found]


def habits(heard: list[Sitting]) -> Row:
    """Local hours that hold half of what is heard, and devices by plays."""
    devices: Counter[str] = Counter()
    for sitting in heard:
        if sitting.device:
            devices[sitting.device] += sitting.plays
    total = sum(devices.values())
    return {
        "hours": busiest(_hours(heard)),
        "devices": [{"name": name, "share": count / total} for name, count in devices.most_common(3)],
    }


def hours_by_mode(heard: list[Sitting]) -> dict[str, list[int]]:
    """Mode -> plays by local hour."""
    return {mode: _hours([s for s in heard if s.mode == mode]) for mode in sorted({s.mode for s in heard})}


def _hours(heard: list[Sitting]) -> list[int]:
    """Plays by local hour; those of a session are spread evenly from its start to its end."""
    hours = [0] * 24
    for sitting in heard:
        step = (sitting.until - sitting.local) / max(sitting.plays, 1)
        for play in range(sitting.plays):
            hours[(sitting.local + play * step).hour] += 1
    return hours


def foreign(share: float | None, heard: list[Sitting], settings: Settings) -> Row:
    """Listening that is not the listener's own taste, how much of it counts as such, and what to set to keep it out."""
    counts: Counter[str] = Counter()
    for sitting in heard:
        if is_foreign(sitting.mode):
            counts[sitting.mode] += 1
    modes = [
        {"mode": mode, "sessions": count, **habits([s for s in heard if s.mode == mode])}
        for mode, count in counts.most_common()
    ]
    weights = {job: getattr(settings, job).foreign.weight for job in WEIGHING}
    return {"share": share, "modes": modes, "weights": weights, "told": _counts(max(weights.values()))}


def _counts(weight: float) -> str:
    """How much of it counts as taste, and what to do about it.

    >>> _counts(0.0), _counts(1.0)[:52]
    ('it is kept out of taste', 'it counts as taste like any other; to keep it out, s')
    """
    if not weight:
        return "it is kept out of taste"
    much = "like any other" if weight == 1 else f"with weight {weight:g}"
    return f"it counts as taste {much}; to keep it out, set {EXCLUDED_BY}"
