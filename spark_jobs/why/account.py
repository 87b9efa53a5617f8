"""listener, track, week -> the whole account as one document: who proposed it, who judged it, which rule decided."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from conf import tables as t
from conf.contexts import CONTEXTS
from conf.errors import ContractError, UsageError
from conf.pipeline import cut
from conf.settings import Settings
from models.sources.kinds import SOURCES
from spark_jobs.names import artist_names, check_listener, find_track
from spark_jobs.serving.proposer import BLEND, FALLBACK
from spark_jobs.warehouse import Warehouse
from spark_jobs.why import judgement, told
from spark_jobs.why.evidence import Evidence
from spark_jobs.why.rules import Hearing, Int32s

Row = dict[str, Any]
ANY = CONTEXTS[-1]


def account(warehouse: Warehouse, settings: Settings, user_id: str, text: str, run_date: date, context: str) -> Row:
    """Why the track called `text` is on the listener's list of a week, or why it is not.

    Raises
    ------
    UsageError
        For a listener or a track that nobody knows, with the nearest, and for a title that several tracks have.
    ContractError
        Where the week was not made.
    """
    check_listener(warehouse, user_id)
    track = find_track(warehouse, text)
    evidence = Evidence(warehouse, settings, user_id, run_date)
    if not len(evidence.history):
        raise ContractError(_no_history(evidence))
    number = track["track_idx"]
    names = list(artist_names(warehouse, track["artist_ids"] or []).values())
    document: Row = {
        "run_date": run_date, "context": context, "user_id": user_id, **evidence.home,
        "track": {"track_id": track["track_id"], "title": track["title"], "artists": names},
        "simulated": bool(track["simulated"] or evidence.history.column("simulated")[0].as_py()),
    }  # fmt: skip
    if number >= len(evidence.catalogue.track_id):
        said = f"it came to the catalogue after the week of {run_date} was made"
        return document | {"notes": [], "verdict": {"listed": False, "rule": "unknown_then", "told": said}}
    wishes, notes = wished(evidence, context)
    order = evidence.orders.get(context)
    hearing = Hearing(evidence, number, wishes, order["model"] if order else BLEND)
    return document | {
        "verdict": verdict(hearing),
        "list": made(hearing, context, notes),
        "proposals": proposals(evidence, number),
        "blend": blended(evidence, number),
        "ranker": judgement.judged(evidence, number, context),
        "reasons": reasons(evidence, number),
        "notes": notes,
    }


def _no_history(evidence: Evidence) -> str:
    """Why a known listener has no history that week, and what to do."""
    monday = evidence.run_date
    if evidence.warehouse.rows(t.HISTORIES, conditions=[("run_date", "=", monday)]).count():
        return (
            f"{evidence.user_id} has no list of their own for {monday}: they had heard nothing before {cut(monday)}; "
            f"`plant show {evidence.user_id}` shows the popular list that they are served"
        )
    return f"nothing is kept of the week of {monday}: run `plant week --run-date {monday}`, or ask about a newer one"


def wished(evidence: Evidence, context: str) -> tuple[Int32s, list[str]]:
    """(the order that the list is taken from, what is to be said of it)."""
    order = evidence.orders.get(context)
    if order is not None:
        return np.array(order["track_idx"], np.int32), []
    if evidence.orders and context != ANY:
        there = ", ".join(name for name in CONTEXTS if name in evidence.orders)
        share = evidence.settings.rank.context_share
        raise UsageError(
            f"{evidence.user_id} has no order for {context} in the week of {evidence.run_date}: it is made for contexts with "
            f"{share:.0%} of their plays; there are {there}"
        )
    blend = evidence.candidates.get(BLEND, {"track_idx": []})
    note = f"nothing was ranked for {evidence.user_id} that week: the order is the blend's"
    if not evidence.candidates:
        note = (
            "no candidates are kept of that week"
            if evidence.playlist
            else "no source proposed anything to the listener that week"
        )
    return np.array(blend["track_idx"], np.int32), [note]


def verdict(hearing: Hearing) -> Row:
    """On the list and how, or off it and by which rules; the first of them decides."""
    if hearing.position is not None:
        return {"listed": True, "rule": hearing.origin, "told": told.place(hearing), "position": hearing.position}
    found = [{"rule": one.rule, "told": told.obstacle(hearing, one)} for one in hearing.obstacles()]
    return {"listed": False, **found[0], "also": found[1:]}


def made(hearing: Hearing, context: str, notes: list[str]) -> Row:
    """Where the list that was made has the track; what differs from the list made again is noted."""
    evidence = hearing.evidence
    ids = [evidence.catalogue.track_id[number].as_py() for number in hearing.listed]
    again: Row = {"length": len(ids), "full": hearing.full, "last_rank": hearing.last_rank}
    if context != ANY or evidence.playlist is None:
        notes.append("no such list is stored: it was made again from the week's rows")
        return again | {"stored": False}
    stored = {row["track_id"]: row for row in evidence.playlist["tracks"]}
    if list(stored) != ids:
        notes.append("the stored list differs from the one made again: its inputs or settings have changed since")
    own = stored.get(evidence.catalogue.track_id[hearing.track].as_py())
    shown = {name: own[name] for name in ("position", "score", "source", "reason")} if own else {}
    return again | {"stored": True, **shown}


def proposals(evidence: Evidence, number: int) -> list[Row]:
    """Each source's rank and score of the track; a null rank where it is not among what the source proposed."""
    weights = evidence.weights
    rows = []
    for name in SOURCES:
        if name not in evidence.candidates:
            if name in evidence.settings.generate_candidates.sources or name == FALLBACK:
                rows.append(
                    {"source": name, "rank": None, "of": 0, "score": None, "weight": weights.get(name), "because": None}
                )
            continue
        rows.append({"source": name, **placed(evidence, evidence.candidates[name], number), "weight": weights.get(name)})
    return rows


def placed(evidence: Evidence, row: Row, number: int) -> Row:
    """Rank from 1, how many there are, score and heard track that spoke for it."""
    ids = row["track_idx"]
    if number not in ids:
        return {"rank": None, "of": len(ids), "score": None, "because": None}
    at = ids.index(number)
    heard = row["because"][at]
    because = told.track(evidence, heard) if heard >= 0 else None
    return {"rank": at + 1, "of": len(ids), "score": row["score"][at], "because": because}


def blended(evidence: Evidence, number: int) -> Row | None:
    """The blend's rank, and the source that gave most; None where the listener has no blend."""
    row = evidence.candidates.get(BLEND)
    if row is None:
        return None
    found = placed(evidence, row, number)
    return found | {"via": row["via"][found["rank"] - 1] if found["rank"] and row["via"] else None}


def reasons(evidence: Evidence, number: int) -> list[Row]:
    """What the sources that proposed the track say themselves; all are asked where none did."""
    proposers = [name for name in SOURCES if number in evidence.candidates.get(name, {"track_idx": ()})["track_idx"]]
    rows = []
    for name in proposers or [name for name in SOURCES if name in evidence.candidates]:
        source = evidence.source(name)
        for found in source.explain(evidence.listener, number) if source else ():
            rows.append(
                {
                    "source": name,
                    "kind": found.kind,
                    "what": found.what,
                    "share": found.share,
                    "told": told.reason(evidence, found),
                }
            )
    return rows
