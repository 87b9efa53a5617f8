"""one listener's numbers -> drawings as inline SVG, in the page's own colours; every text in them is escaped.

Drawn in 420 units for a card: on a phone a unit is nearly a pixel, so the letters stay readable.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from spark_jobs.portraits import words

WIDTH = 420
# Told apart by people who see few colours too, on light and on dark; another's taste is never drawn like the listener's own.
COLOURS = {
    "commute": "#2f7fd0",
    "focus": "#1f9d78",
    "wind_down": "#8f63d6",
    "party": "#e2622b",
    "any": "#8b99a8",
    "child": "#d8a312",
    "sleep": "#5f6f99",
}
UNKNOWN = "#b9c1c9"


def colour(mode: str) -> str:
    """Colour of a context or mode; a name of data never reaches the drawing."""
    return COLOURS.get(mode, UNKNOWN)


def hours(shares: Sequence[float], split: Mapping[str, Sequence[int]]) -> str:
    """Bars of 24 local hours, as high as the hour's share of plays, coloured as sessions at that hour were split over modes."""
    top, base, left = max(max(shares, default=0.0), 1e-9), 150, 8
    step = (WIDTH - 2 * left) / 24
    parts = []
    for hour, share in enumerate(shares):
        parts += _stack(left + hour * step + 1, step - 2, base, 130 * share / top, hour, share, split)
    ticks = [_text(left + hour * step + step / 2, base + 16, str(hour), "middle") for hour in range(0, 24, 3)]
    line = f"<line x1={left} x2={WIDTH - left} y1={base} y2={base} class=axis />"
    return _drawing(base + 24, "plays by local hour", [*parts, line, *ticks])


def _stack(
    x: float, width: float, base: int, height: float, hour: int, share: float, split: Mapping[str, Sequence[int]]
) -> list[str]:
    """One hour's bar, its colours from the bottom up in the order of COLOURS."""
    plays = {mode: counts[hour] for mode, counts in split.items() if counts[hour]}
    total, y, bars = sum(plays.values()), float(base), []
    for mode in sorted(plays, key=_order) or [""]:
        part = height * (plays[mode] / total if mode else 1.0)
        y -= part
        told = f"{hour}-{hour + 1} h: {words.percent(share)} of plays" + (f", {words.occasion(mode)}" if mode else "")
        bars.append(_box(x, y, width, part, colour(mode), told))
    return bars


def _order(mode: str) -> tuple[int, str]:
    names = list(COLOURS)
    return (names.index(mode) if mode in names else len(names), mode)


def week(sessions: Sequence[Mapping[str, Any]], until: date) -> str:
    """Sessions of the seven days before `until` by local date and hour: a larger disc is more plays, a fuller one is surer."""
    left, top, row = 58, 18, 24
    step = (WIDTH - left - 8) / 24
    days = sorted({until - timedelta(days=back) for back in range(1, 8)} | {s["day"] for s in sessions})
    grid = [_text(left + hour * step, 10, str(hour), "middle") for hour in range(0, 25, 3)]
    for place, day in enumerate(days):
        y = top + (place + 0.5) * row
        grid.append(_text(0, y + 4, f"{day:%a %d}"))
        grid.append(f"<line x1={left} x2={WIDTH - 8} y1={y} y2={y} class=rule />")
    most = max((s["plays"] for s in sessions), default=1)
    discs = [
        _disc(s, left + (s["hour"] + 0.5) * step, top + (days.index(s["day"]) + 0.5) * row, s["plays"] / most)
        for s in sorted(sessions, key=lambda s: -s["plays"])
    ]
    return _drawing(top + len(days) * row + 4, "sessions of the last week", [*grid, *discs])


def _disc(session: Mapping[str, Any], x: float, y: float, size: float) -> str:
    told = f"{session['local']}: {session['plays']} plays, {words.occasion(session['mode'])}"
    told += f", {words.percent(session['probability'])} sure"
    opacity = 0.35 + 0.65 * min(max(session["probability"], 0.0), 1.0)
    return (
        f"<circle cx={x:.1f} cy={y:.1f} r={3.5 + 7.5 * size**0.5:.1f} fill='{colour(session['mode'])}' "
        f"fill-opacity={opacity:.2f}><title>{html.escape(told)}</title></circle>"
    )


def ribbon(shares: Sequence[tuple[str, float]]) -> str:
    """One bar split by (mode, share)."""
    x, parts = 0.0, []
    total = sum(share for _, share in shares) or 1.0
    for mode, share in shares:
        width = WIDTH * share / total
        parts.append(_box(x, 0, max(width - 1.5, 0.5), 22, colour(mode), f"{words.occasion(mode)}: {words.percent(share)}"))
        x += width
    return _drawing(22, "shares of the contexts", parts)


def bar(share: float, mode: str | None = None) -> str:
    """A bar in a table's cell, `share` of the cell's width long."""
    width = 100 * min(max(share, 0.0), 1.0)
    fill = f"background:{colour(mode)};" if mode else ""
    return f"<div class=track><div class=fill style='{fill}width:{width:.1f}%'></div></div>"


def rank(share: float) -> str:
    """Where a listener stands: a dot on a line from the least of everybody to the most."""
    return f"<div class=scale><i style='left:{100 * min(max(share, 0.0), 1.0):.1f}%'></i></div>"


def legend(modes: Sequence[str]) -> str:
    """Names of the colours."""
    named = [(colour(mode), words.occasion(mode)) for mode in sorted(modes, key=_order)]
    entries = (f"<span><i style='background:{fill}'></i>{html.escape(name)}</span>" for fill, name in named)
    return f"<p class=legend>{''.join(entries)}</p>"


def _box(x: float, y: float, width: float, height: float, fill: str, told: str) -> str:
    return (
        f"<rect x={x:.1f} y={y:.1f} width={width:.1f} height={max(height, 0):.1f} rx=1.5 fill='{fill}'>"
        f"<title>{html.escape(told)}</title></rect>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f"<text x={x:.1f} y={y:.1f} text-anchor={anchor}>{html.escape(text)}</text>"


def _drawing(height: float, told: str, parts: Sequence[str]) -> str:
    return f"<svg viewBox='0 0 {WIDTH} {height:.0f}' role=img aria-label='{html.escape(told)}'>{''.join(parts)}</svg>"
