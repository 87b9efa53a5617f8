"""Where listeners live: country, time zone, and the share of the audience.

Offsets are those in force from June to September 2026, the default season of the world; the simulation does not switch
clocks. They reach from UTC-11 to UTC+14 because a listener's Monday starts anywhere within these 25 hours.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """One time zone of one country."""

    country: str
    timezone: str
    offset_minutes: int
    share: float


PLACES = (
    Place("US", "America/New_York", -240, 0.16),
    Place("US", "America/Los_Angeles", -420, 0.09),
    Place("BR", "America/Sao_Paulo", -180, 0.10),
    Place("MX", "America/Mexico_City", -360, 0.06),
    Place("GB", "Europe/London", 60, 0.10),
    Place("DE", "Europe/Berlin", 120, 0.12),
    Place("FR", "Europe/Paris", 120, 0.08),
    Place("NG", "Africa/Lagos", 60, 0.04),
    Place("ZA", "Africa/Johannesburg", 120, 0.02),
    Place("IN", "Asia/Kolkata", 330, 0.08),
    Place("ID", "Asia/Jakarta", 420, 0.03),
    Place("JP", "Asia/Tokyo", 540, 0.07),
    Place("AU", "Australia/Sydney", 600, 0.03),
    Place("KI", "Pacific/Kiritimati", 840, 0.01),
    Place("AS", "Pacific/Pago_Pago", -660, 0.01),
)
COUNTRIES = tuple(dict.fromkeys(place.country for place in PLACES))
