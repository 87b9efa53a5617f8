"""What a typed catalogue row may hold, entity by entity: conditions that make a value bad, and how rows become table rows."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from pyspark.sql import Column
from pyspark.sql import functions as F

_COUNTRY = "RLIKE '^[A-Z]{2}$'"
# Field -> condition under which its value is bad; null values are fine here, required ones are checked by the reader.
_BAD: dict[str, dict[str, str]] = {
    "tracks": {
        "duration_ms": "duration_ms < 0",
        "countries": f"exists(countries, c -> c IS NULL OR NOT c {_COUNTRY})",
        "audio": r"audio RLIKE '^/|^[A-Za-z]:|\\\\|(^|/)\\.\\.(/|$)'",
    },
    "users": {"country": f"NOT country {_COUNTRY}"},
    "tags": {"entity": "entity NOT IN ('track', 'artist')", "weight": "weight <= 0"},
    "feedback": {"kind": "kind NOT IN ('save', 'block')", "entity": "entity NOT IN ('track', 'artist')"},
    "exposures": {"position": "position < 1", "propensity": "propensity <= 0 OR propensity > 1"},
}
TABLE_OF = {"playlists": "listener_playlists", "exposures": "foreign_exposures"}


def bad_value(entity: str) -> Column:
    """Detail of the first bad value of a row, as `field: value`; null where there is none."""
    detail = F.lit(None).cast("string")
    conditions = [(field, F.expr(sql)) for field, sql in _BAD.get(entity, {}).items()]
    if entity == "users":
        conditions.append(("timezone", ~F.col("timezone").isin(*_zones())))
    for field, bad in reversed(conditions):
        shown = F.concat(F.lit(f"{field}: "), F.col(field).cast("string"))
        detail = F.when(bad, F.substring(shown, 1, 200)).otherwise(detail)
    return detail


def table_columns(entity: str) -> dict[str, Column]:
    """Columns in which a table row differs from its landing row."""
    columns = {"simulated": F.coalesce("simulated", F.lit(False))}
    if entity == "tracks":
        columns["blocked"] = F.coalesce("blocked", F.lit(False))
    if entity == "tags":
        columns |= {"weight": F.coalesce("weight", F.lit(1.0)), "tag": F.lower("tag")}
    return columns


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))
