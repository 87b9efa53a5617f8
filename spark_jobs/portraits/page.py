"""one listener's document -> a page with plots that stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from spark_jobs.page_style import page, table
from spark_jobs.portraits import plots, words

Row = dict[str, Any]


def render(known: Row) -> str:
    """The page of a document that `facts.portrait` made."""
    cards = (card(known) for card in CARDS)
    body = f"<p class=quiet>{escape(_home(known))}</p>{_tiles(known)}<div class=cards>{''.join(cards)}</div>{_foot(known)}"
    return page(f"Listener {known['user_id']}", body, _STYLE)


def _home(known: Row) -> str:
    where = f"{known['country'] or 'country unknown'}, {known['timezone'] or 'timezone unknown: UTC'}"
    marked = ", simulated listener" if known["simulated"] else ""
    return f"{where}{marked}; as of {known['as_of']}, before the week of {known['run_date']}"


def _card(title: str, body: str, note: str = "", wide: bool = False) -> str:
    small = f"<p class='quiet note'>{escape(note)}</p>" if note else ""
    return f"<section{' class=span' if wide else ''}><h2>{escape(title)}</h2>{body}{small}</section>"


def _tiles(known: Row) -> str:
    month = next(row for row in known["activity"] if row["days"] == 28)
    last = known["history"]["last_listen_at"]
    facts = [
        ("plays in 28 days", _count(month["plays"])),
        ("completed", _share(month["completions"], month["plays"])),
        ("skipped", _share(month["skips"], month["plays"])),
        ("tracks saved in 28 days", _count(month["saves"])),
        ("tracks ever heard", _count(known["history"]["tracks"])),
        (f"last play, {last:%H:%M} UTC" if last else "last play", f"{last.day} {last:%b %Y}" if last else "-"),
    ]
    return "<div class=tiles>" + "".join(f"<div><b>{escape(n)}</b><span>{escape(w)}</span></div>" for w, n in facts) + "</div>"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _share(part: int | None, whole: int | None) -> str:
    return "-" if part is None or not whole else words.percent(part / whole)


def _when(known: Row) -> str:
    if not known["hours"]:
        return _card("When", "<p class=quiet>no play in 90 days</p>")
    split = known["hours_by_mode"]
    since = (
        f"colours: sessions since {known['sittings_since']}, pale where there was none"
        if split
        else "no session's context is known"
    )
    drawn = plots.hours(known["hours"], split) + plots.legend(list(split))
    return _card("When", drawn, f"share of plays by local hour, 90 days; {since}")


def _contexts(known: Row) -> str:
    if not known["contexts"]:
        return _card("What for", "<p class=quiet>no contexts are known: train_contexts has not run for this week</p>")
    shares = [(row["context"], row["share"] or 0.0) for row in known["contexts"]]
    head = ("context", "plays", "sessions", "hours", "on")
    return _card("What for", plots.ribbon(shares) + _lines(map(_context, known["contexts"]), head), "90 days before the cut")


def _context(row: Row) -> list[str]:
    name = f"<i class=dot style='background:{plots.colour(row['context'])}'></i>{escape(words.occasion(row['context']))}"
    share, sessions = words.percent(row["share"] or 0.0), f"{row['sessions'] or 0.0:.1f}"
    return [name, share, sessions, escape(row["hours"] or "-"), escape(_devices_of(row))]


def _devices_of(row: Row) -> str:
    return ", ".join(device["name"] for device in row["devices"]) or "-"


def _week(known: Row) -> str:
    if not known["week"]:
        return _card("Last week", "<p class=quiet>no session in the seven days before the cut</p>")
    modes = list(dict.fromkeys(s["mode"] for s in known["week"]))
    return _card(
        "Last week",
        plots.week(known["week"], known["as_of"]) + plots.legend(modes),
        f"{len(known['week'])} sessions by local start: larger is more plays, fuller is surer",
    )


def _foreign(known: Row) -> str:
    found = known["foreign"]
    if not found["modes"] and not found["share"]:
        return ""
    lines = [(words.occasion(row["mode"]), row["sessions"], row["hours"] or "-", _devices_of(row)) for row in found["modes"]]
    share = "" if found["share"] is None else f"<p>{words.percent(found['share'])} of the plays of 90 days</p>"
    grid = table(("mode", "sessions", "mostly at", "on"), lines) if lines else ""
    return _card("Not their own taste", share + grid, found["told"])


def _lines(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """A table of cells that are HTML already; the first column is text."""
    cells = ("".join(f"<td{'' if i else ' class=text'}>{cell}</td>" for i, cell in enumerate(row)) for row in rows)
    heads = "".join(f"<th{'' if i else ' class=text'}>{name}</th>" for i, name in enumerate(head))
    return f"<div class=wide><table><tr>{heads}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table></div>"


def _bars(rows: list[Row], name: str, share: str) -> list[list[str]]:
    """Name, share and a bar of each row, the longest bar for the largest share."""
    shares = [row[share] or 0.0 for row in rows]
    largest = max(shares, default=0.0) or 1.0
    return [
        [escape(str(row[name])), words.percent(value), plots.bar(value / largest)]
        for row, value in zip(rows, shares, strict=True)
    ]


def _artists(known: Row) -> str:
    if not known["artists"]:
        return _card("Artists", NOTHING)
    more = [[_number(row["skip_adjusted"]), _number(row["activation"])] for row in known["artists"]]
    lines = [bar + rest for bar, rest in zip(_bars(known["artists"], "artist", "affinity"), more, strict=True)]
    note = (
        "affinity: share of completed plays; less skips: completions less skips over plays, shrunk; "
        "ACT-R: activation, how often and how lately"
    )
    return _card("Artists", _lines(lines, ("artist", "affinity", "", "less skips", "ACT-R")), note)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _genres(known: Row) -> str:
    lines = _bars(known["genres"], "genre", "affinity")
    return _card("Genres", _lines(lines, ("genre", "affinity", "")) if lines else NOTHING, "share of completed plays, 90 days")


def _devices(known: Row) -> str:
    lines = _bars(known["devices"], "name", "share")
    return _card("Devices", _lines(lines, ("device", "plays", "")) if lines else NOTHING, "share of plays, 90 days")


def _character(known: Row) -> str:
    note = f"of 100: how many of 100 listeners have less; compared with {known['compared_with']:,} listeners"
    return _card("Character", _lines(map(_trait, known["features"]), ("feature", "least to most", "of 100")), note)


def _trait(feature: Row) -> list[str]:
    name, place = escape(feature["name"].replace("_", " ")), feature["percentile"]
    told = f"<b>{name}</b><br><span class=quiet>{escape(feature['told'])}</span>"
    return [told, "", "-"] if place is None else [told, plots.rank(place), f"{words.of_100(place)}"]


def _activity(known: Row) -> str:
    names = [name for name in known["activity"][0] if name != "days"]
    lines = [
        ["1 day" if row["days"] == 1 else f"{row['days']} days", *(_count(row[name]) for name in names)]
        for row in known["activity"]
    ]
    return _card("Activity", table(["before the cut", *names], lines))


def _list(known: Row) -> str:
    made = known["list"]
    if made is None:
        return _card("Newest list", "<p class=quiet>no list of their own was made yet</p>")
    lines = [(f"{t['position']}. {t['title']}", ", ".join(t["artists"] or []), t["reason"]) for t in made["tracks"]]
    title = f"List of {made['run_date']}: first {len(lines)} of {made['length']}"
    return _card(title, table(("title", "artists", "reason"), lines, texts=3), wide=True)


def _foot(known: Row) -> str:
    fresh = known["freshness"]
    told = f"Features as of {known['as_of']} 00:00 UTC, promised every {fresh['promised_days']} days."
    if not fresh["fresh"]:
        told += f" They are {fresh['days_behind']} days behind the newest histories ({fresh['newest_histories']})."
    return f"<p class='quiet note'>{told}</p>"


NOTHING = "<p class=quiet>nothing in 90 days</p>"
CARDS = (_when, _contexts, _week, _artists, _genres, _character, _activity, _devices, _foreign, _list)
_STYLE = (
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0}"
    ".tiles div,section{background:var(--card);border:1px solid var(--line);border-radius:10px}"
    ".tiles div{padding:.6rem .8rem}.tiles b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}"
    ".tiles span{color:var(--quiet);font-size:12px}"
    ".cards{columns:2;column-gap:.9rem}section{padding:1rem;margin:0 0 .9rem;break-inside:avoid}"
    "section.span{column-span:all}"
    "svg{display:block;width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--quiet)}"
    ".axis{stroke:var(--quiet);stroke-width:1}.rule{stroke:var(--line);stroke-width:1}"
    ".legend{display:flex;flex-wrap:wrap;gap:.2rem .9rem;margin:.5rem 0 0;font-size:12px;color:var(--quiet)}"
    ".legend span{display:inline-flex;align-items:center;gap:.35rem}"
    ".legend i,.dot{display:inline-block;width:.7rem;height:.7rem;border-radius:50%}.dot{margin-right:.45rem}"
    ".note{font-size:12px;margin:.6rem 0 0}"
    ".track{width:7rem;height:.55rem;border-radius:4px;background:var(--paper)}"
    ".fill{height:100%;border-radius:4px;background:var(--mark)}"
    ".scale{position:relative;width:7rem;margin-left:auto;height:2px;background:var(--line);border-radius:2px}"
    ".scale:before{content:'';position:absolute;left:50%;top:-4px;height:10px;border-left:1px solid var(--line)}"
    ".scale i{position:absolute;top:-5px;width:12px;height:12px;margin-left:-6px;border-radius:50%;background:var(--mark)}"
    ".span{margin-top:.9rem}"
    "@media(max-width:50rem){.cards{columns:1}body{margin:1rem auto}section{padding:.8rem}"
    "td,th{padding:.3rem .3rem}td{white-space:normal}.track{width:3.2rem}.scale{width:5rem}}"
)
