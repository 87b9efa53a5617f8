"""instants, timezones -> dayparts: what hour it was where a listener lives, in four named parts of the day.

Charts by context need few groups that everybody has. Edges follow when listening changes its kind on weekdays: waking and the
way to work, work, the evening, the night.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.listening import HOUR_US, utc_offsets

Daypart = Literal["night", "morning", "day", "evening"]
DAYPARTS: tuple[Daypart, ...] = get_args(Daypart)
# First local hour of each part.
FIRST_HOUR = (0, 5, 10, 17)


def dayparts(started_at: pa.Array[Any], timezone: pa.Array[Any]) -> npt.NDArray[np.int8]:
    """Place in DAYPARTS of each instant, int8 [n].

    Parameters
    ----------
    started_at : timestamp [n], UTC.
    timezone : string [n], IANA names; null and names that nobody knows are UTC.

    Examples
    --------
    Half past four in the morning in London is lunchtime in Tokyo.

    >>> from datetime import UTC, datetime
    >>> at = pa.array([datetime(2026, 9, 6, 3, 30, tzinfo=UTC)] * 2)
    >>> [DAYPARTS[part] for part in dayparts(at, pa.array(["Europe/London", "Asia/Tokyo"]))]
    ['night', 'day']
    """
    at = started_at.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    hour = (at + utc_offsets(at, timezone)) // HOUR_US % 24
    return (np.searchsorted(FIRST_HOUR, hour, side="right") - 1).astype(np.int8)
