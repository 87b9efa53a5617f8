"""users, listener_features, listener_contexts, session_modes, playlists -> one listener as a document, without a JVM.

Every question names the listener and the week's partition, or a bounded number of rows: what is held in memory does not grow
with the listeners. Reading does, as a listener's row is searched for in the whole partition.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from conf import tables as t
from conf.contexts import DEVICES
from conf.errors import ContractError
from conf.features.listener import COUNTS, DERIVED, LISTENER, WINDOWS
from conf.pipeline import cut
from conf.settings import Settings
from spark_jobs.names import artist_names, check_listener
from spark_jobs.portraits import sittings, words
from spark_jobs.portraits.everybody import Everybody
from spark_jobs.queries import rows
from spark_jobs.warehouse import Warehouse

Row = dict[str, Any]
COUNTED = tuple(dict.fromkeys(feature.name.rsplit("_", 1)[0] for feature in COUNTS))
LISTED = 10
_NEWEST = "select max(run_date) as run_date from listener_features where run_date <= $until"
_OWN = "select * exclude (embedding) from listener_features where run_date = $run_date and user_id = $user_id"
_HOME = "select country, timezone, simulated from users where user_id = $user_id"
_HISTORY = """
select len(track_idx) as tracks, listens, last_listen_at from histories where run_date = $run_date and user_id = $user_id
"""
_HISTORY_THERE = "select max(run_date) as run_date from histories where run_date <= $until"
_LIST = """
select run_date, tracks, filled from playlists
where user_id = $user_id and run_date <= $until and surface = 'discover_weekly' order by run_date desc limit 1
"""
_ANY_DAY = date(9999, 1, 1)


def portrait(warehouse: Warehouse, settings: Settings, user_id: str, run_date: date | None) -> Row:
    """All that is known of the listener as of `run_date`, or of the newest week that has features.

    Raises
    ------
    UsageError
        For a listener nobody knows, with the nearest ids.
    ContractError
        Where the week has no features, of anybody or of this listener, with what to run.
    """
    monday = run_date or rows(warehouse, _NEWEST, {"until": _ANY_DAY})[0]["run_date"]
    own = rows(warehouse, _OWN, {"run_date": monday, "user_id": user_id}) if monday else []
    if not own:
        check_listener(warehouse, user_id)
        raise ContractError(_why_not(warehouse, user_id, monday, run_date))
    features, wanted = own[0], {"run_date": monday, "user_id": user_id}
    home = next(iter(rows(warehouse, _HOME, {"user_id": user_id})), {"country": None, "timezone": None})
    history = next(iter(rows(warehouse, _HISTORY, wanted)), dict.fromkeys(("tracks", "listens", "last_listen_at")))
    heard = sittings.read(warehouse, user_id, monday, home["timezone"])
    everybody = Everybody.of(warehouse, monday, settings.build_listener_features.buckets)
    return {
        "user_id": user_id,
        "run_date": monday,
        "as_of": cut(monday),
        "simulated": features["simulated"],
        **{name: home[name] for name in ("country", "timezone")},
        "history": history,
        "activity": activity(features),
        "artists": artists(warehouse, features),
        "genres": paired(features, "genres", genre="genres", affinity="genre_affinity"),
        "devices": shares(features["device_shares"], DEVICES),
        "hours": features["hour_shares"],
        "features": derived(features, everybody),
        "compared_with": len(everybody),
        "contexts": sittings.contexts(warehouse, user_id, monday, heard),
        "hours_by_mode": sittings.hours_by_mode(heard),
        "sittings_since": min((s.local.date() for s in heard), default=None),
        "week": [s.told() for s in heard if s.run_date == monday],
        "foreign": sittings.foreign(features["foreign_share"], heard, settings),
        "list": newest_list(warehouse, user_id, monday),
        "freshness": freshness(warehouse, monday),
    }


def activity(features: Row) -> list[Row]:
    """Counts of each window, the shortest first."""
    return [{"days": days} | {what: features[f"{what}_{days}d"] for what in COUNTED} for days in WINDOWS]


def artists(warehouse: Warehouse, features: Row) -> list[Row]:
    """The artists loved most, with names."""
    found = paired(
        features, "artist_ids", artist_id="artist_ids", affinity="artist_affinity",
        skip_adjusted="skip_adjusted_affinity", activation="activation",
    )[:LISTED]  # fmt: skip
    names = artist_names(warehouse, [row["artist_id"] for row in found])
    return [{"artist": names[row["artist_id"]], **row} for row in found]


def paired(features: Row, by: str, **columns: str) -> list[Row]:
    """Lists that stand side by side as rows; what is missing beside `by` is null.

    >>> row = {"genres": ["jazz", "pop"], "share": [0.75, 0.25], "more": None}
    >>> paired(row, "genres", genre="genres", share="share", x="more")
    [{'genre': 'jazz', 'share': 0.75, 'x': None}, {'genre': 'pop', 'share': 0.25, 'x': None}]
    """
    length = len(features[by] or [])
    values = {name: (features[column] or [None] * length) for name, column in columns.items()}
    return [{name: cells[i] for name, cells in values.items()} for i in range(length)]


def shares(values: list[float] | None, names: tuple[str, ...]) -> list[Row]:
    """What has a share, the largest first; equal ones in the order of `names`.

    >>> shares([0.25, 0.0, 0.75], ("phone", "car", "tv")), shares(None, ("phone",))
    ([{'name': 'tv', 'share': 0.75}, {'name': 'phone', 'share': 0.25}], [])
    """
    there = [{"name": name, "share": share} for name, share in zip(names, values or [], strict=False) if share]
    return sorted(there, key=lambda row: -float(row["share"]))  # type: ignore[arg-type]


def derived(features: Row, everybody: Everybody) -> list[Row]:
    """Each derived feature: its value, in words, and where the listener stands among everybody."""
    return [
        {
            "name": feature.name, "value": features[feature.name], "unit": feature.unit, "meaning": feature.meaning,
            "told": words.told(feature, features[feature.name]),
            "percentile": words.standing(features[feature.name], everybody.sorted(feature.name)),
        }
        for feature in DERIVED
    ]  # fmt: skip


def newest_list(warehouse: Warehouse, user_id: str, until: date) -> Row | None:
    """First tracks of the newest list that was made by `until`."""
    found = rows(warehouse, _LIST, {"user_id": user_id, "until": until})
    if not found:
        return None
    shown = ("position", "title", "artists", "reason", "track_id")
    first = [{name: track[name] for name in shown} for track in found[0]["tracks"][:LISTED]]
    return {"run_date": found[0]["run_date"], "tracks": first, "length": len(found[0]["tracks"])}


def freshness(warehouse: Warehouse, monday: date) -> Row:
    """Whether newer listening has been gathered than these features know of, and how old the catalogue lets them be."""
    newest = rows(warehouse, _HISTORY_THERE, {"until": _ANY_DAY})[0]["run_date"]
    behind = (newest - monday).days if newest else 0
    promised = min(feature.fresh_days for feature in LISTENER)
    return {"newest_histories": newest, "days_behind": max(behind, 0), "fresh": behind < promised, "promised_days": promised}


def _why_not(warehouse: Warehouse, user_id: str, monday: date | None, asked: date | None) -> str:
    """What keeps a known listener from having features, and what to run."""
    week = monday or rows(warehouse, _HISTORY_THERE, {"until": _ANY_DAY})[0]["run_date"]
    if week is None:
        return "no listener has features yet: run `plant week` first"
    built = warehouse.rows(t.LISTENER_FEATURES, conditions=[("run_date", "=", week)]).count()
    if not built and not rows(warehouse, _HISTORY_THERE.replace("<=", "="), {"until": week})[0]["run_date"]:
        return f"nothing is known for {week}: run `plant week --run-date {week}`" + _nearest_week(warehouse, asked)
    if not built:
        return f"no features were built for {week}: run `plant run build_listener_features --run-date {week}`"
    return f"{user_id} has no features for {week}: they had no history before {cut(week)}; `plant show` has their list"


def _nearest_week(warehouse: Warehouse, asked: date | None) -> str:
    newest = rows(warehouse, _NEWEST, {"until": _ANY_DAY})[0]["run_date"]
    return f"; the newest week with features is {newest}" if asked and newest else ""
