from __future__ import annotations

import csv
import io
import json

from exports.formats import jspf, m3u, write_csv


def test_jspf_holds_reason_and_says_simulated(make_list) -> None:
    playlist = json.loads(jspf(make_list("ana", tracks=["x", "y"])))["playlist"]
    assert playlist["title"] == "Discover Weekly of 2026-09-07" and "simulated" in playlist["creator"]
    assert [t["identifier"] for t in playlist["track"]] == [["urn:track:x"], ["urn:track:y"]]
    assert playlist["track"][0]["annotation"] == "because you played it a lot"


def test_m3u_survives_a_title_with_a_line_end(make_list) -> None:
    record = make_list("ana", tracks=["x"])
    record.tracks[0]["title"] = "two\r\n#EXTINF lines"
    assert m3u(record).splitlines()[2:] == ["#EXTINF:-1,ARTIST-OF-X - two #EXTINF lines", "x"]


def test_csv_quotes_what_needs_it(make_list) -> None:
    record = make_list('a"na,', tracks=["x", "y"])
    file = io.StringIO()
    assert write_csv([record], file) == 2
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert [r["user_id"] for r in rows] == ['a"na,'] * 2 and rows[1]["position"] == "2"
