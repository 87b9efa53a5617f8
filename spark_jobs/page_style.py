"""title, body -> a page that stands alone: nothing is fetched, nothing is run, light and dark, on paper and phone.

Bodies are HTML already: whoever makes one escapes what comes from data.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

# A browser that keeps this rule would not even run a script that slipped through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, body: str, style: str = "") -> str:
    """The whole document; `title` is text, `body` is HTML, `style` is CSS beside the shared one."""
    shown = html.escape(title)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"
        f'<meta http-equiv=Content-Security-Policy content="{_POLICY}"><meta name=color-scheme content="light dark">'
        f"<title>{shown}</title><style>{_STYLE}{style}</style><h1>{shown}</h1>{body}</html>\n"
    )


def table(head: Sequence[str], lines: Iterable[Sequence[object]], texts: int = 1) -> str:
    """A table of escaped cells that scrolls on narrow screens; the first `texts` columns are text, the others numbers.

    >>> table(["<a>"], [["x & y"]])
    '<div class=wide><table><tr><th class=text>&lt;a&gt;</th></tr><tr><td class=text>x &amp; y</td></tr></table></div>'
    """

    def row(tag: str, values: Sequence[object]) -> str:
        kinds = (" class=text" if i < texts else "" for i in range(len(values)))
        return "".join(f"<{tag}{kind}>{html.escape(str(v))}</{tag}>" for kind, v in zip(kinds, values, strict=True))

    body = "".join(f"<tr>{row('td', line)}</tr>" for line in lines)
    return f"<div class=wide><table><tr>{row('th', head)}</tr>{body}</table></div>"


_STYLE = (
    ":root{color-scheme:light dark;--ink:#1f2933;--quiet:#5d6b79;--paper:#fbfbf9;--card:#fff;--line:#dde2e7;--mark:#3b6ea5}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--quiet:#9aa7b4;--paper:#14181d;--card:#1c2229;--line:#323b45;"
    "--mark:#7fb0e6}}"
    "*{box-sizing:border-box}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:var(--ink);"
    "background:var(--paper)}"
    "h1{font-size:1.4rem;line-height:1.25;margin:0 0 .4rem;overflow-wrap:anywhere}h2{font-size:1rem;margin:0 0 .6rem}"
    "img{max-width:100%;border-radius:6px}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;width:100%}"
    "td,th{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums}"
    "td{white-space:nowrap}th{vertical-align:bottom;color:var(--quiet);font-weight:600}td.text,th.text{text-align:left}"
    "td.text{white-space:normal;overflow-wrap:break-word;min-width:5.5rem;max-width:22rem}"
    "tr:last-child td{border-bottom:0}.quiet{color:var(--quiet)}"
)
