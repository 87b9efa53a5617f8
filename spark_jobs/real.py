"""Last.fm-2k -> a published week and its quality on real listener-artist pairs: `make real`.

The importer holds out a seeded fifth of each listener's artists before it writes the landing folder; the spread of the
other plays over tracks and days is simulated and flagged. Then the whole line runs, and the held-out pairs, which are real,
are looked for among the artists of each listener's candidates.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.compute as pc

from conf import errors, settings
from conf import tables as t
from spark_jobs import landing_note
from spark_jobs.cli.main import main
from spark_jobs.warehouse import Warehouse

SEED = 5
OURS, POPULAR, METRIC = "artists", "popularity", "artist_ndcg@20"


def make_real(data: Path) -> int:
    """Import, run the week, print the verdict as the last line; returns the exit code."""
    chosen = settings.load("real")
    if not (data / "lastfm-2k").is_dir():
        sys.stderr.write(f"plant: {data / 'lastfm-2k'} is not a folder: say REAL=the folder that holds lastfm-2k and tracks\n")
        return errors.EXIT_USAGE
    if landing_note.read(chosen.landing) is None:
        source = ["lastfm-2k", str(data / "lastfm-2k"), "--tracks", str(data / "tracks"), "--seed", str(SEED)]
        if code := main(["--env", "real", "import", *source]):
            return code
    if code := main(["--env", "real", "week"]):
        return code
    print(verdict(Warehouse(chosen.warehouse)))
    return errors.EXIT_DONE


def verdict(warehouse: Warehouse) -> str:
    """One line: listeners, lists, NDCG@20 over artists on the held-out real pairs with its interval, and popularity's."""
    newest = pc.max(warehouse.rows(t.METRICS).table(columns=["run_date"])["run_date"]).as_py()
    rows = (
        warehouse.rows(t.METRICS, conditions=[("run_date", "=", newest)]).table(where=pc.field("metric") == METRIC).to_pylist()
    )
    found = {row["model"]: row for row in rows}
    lists = warehouse.rows(t.PLAYLISTS, conditions=[("run_date", "=", newest)]).count()
    ours, popular = found[OURS], found[POPULAR]
    times = ours["value"] / popular["value"] if popular["value"] else float("inf")
    return (
        f"listeners={ours['listeners']} lists={lists} ndcg@20_artists={ours['value']:.4f} "
        f"interval={ours['low']:.4f}..{ours['high']:.4f} popularity={popular['value']:.4f} ratio={times:.2f}"
    )


if __name__ == "__main__":
    sys.exit(make_real(Path(sys.argv[1])))
