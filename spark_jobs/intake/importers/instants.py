"""Instants as logs write them -> aware datetimes in UTC; None where the text is none."""

from __future__ import annotations

from datetime import UTC, datetime

# Last.fm's exports: with and without the comma; ISO as re-saved by spreadsheets.
_PATTERNS = ("%d %b %Y %H:%M", "%d %b %Y, %H:%M", "%d %b %Y, %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")


def from_epoch(value: object) -> datetime | None:
    """Seconds since 1970 as int, float or digits; zero and negative numbers are how logs write "unknown".

    Examples
    --------
    >>> from_epoch("1767265200").isoformat(), from_epoch(0), from_epoch("soon"), from_epoch(True)
    ('2026-01-01T11:00:00+00:00', None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):  # text, or a year beyond 9999
        return None


def from_iso(value: object) -> datetime | None:
    """RFC 3339 text with an offset, e.g. Spotify's `2019-11-05T14:28:00Z`; without an offset it is no instant."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        return instant.astimezone(UTC) if instant is not None and instant.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def from_text(value: str) -> datetime | None:
    """Date and time as Last.fm shows them, UTC, e.g. `22 Mar 2021 16:55`."""
    for pattern in _PATTERNS:
        try:
            return datetime.strptime(value.strip(), pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
