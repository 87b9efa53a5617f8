"""a week's tables and artefacts -> all that one listener's list was made from, without a JVM.

Tables of events are read at the versions that the week's run recorded, as a re-run would read them; of weekly tables only the
listener's rows are kept. They are searched for in the week's whole partition, so reading grows with the listeners.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.contract import Table
from conf.errors import ArtefactError, ContractError, DiskError, FactoryError
from conf.pipeline import cut
from conf.settings import Settings
from models.sources.base import CATALOGUE_COLUMNS, Listeners, Source
from models.sources.base import Catalogue as Proposable
from models.sources.kinds import SOURCES
from spark_jobs import artefacts
from spark_jobs.artefacts import MANIFEST, ArtefactRef, file_sha256
from spark_jobs.books import Books
from spark_jobs.rows import Condition
from spark_jobs.serving import catalogue_arrays, popular_charts, proposer
from spark_jobs.serving.catalogue_arrays import ARTIST_COLUMNS, TRACK_COLUMNS, Catalogue
from spark_jobs.serving.friends import EPOCH, Lover
from spark_jobs.warehouse import Warehouse

Row = dict[str, Any]
LIST_JOB = "build_discover_weekly"
SURFACE = "discover_weekly"


@dataclass(frozen=True)
class Evidence:
    """One listener in one week; everything is read when it is asked for, once."""

    warehouse: Warehouse
    settings: Settings
    user_id: str
    run_date: date

    @cached_property
    def books(self) -> Books:
        """Which versions and artefacts the week is made of."""
        return Books(self.warehouse)

    @cached_property
    def _versions(self) -> dict[str, int]:
        """Event table -> version that the week's list was made from; empty where no run recorded any."""
        done = self.books.entries(run_date=self.run_date, job=LIST_JOB, state="done")
        return dict(done[-1]["reads"]) if done else {}

    def events(self, table: Table, columns: list[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """Rows of an event table as the week saw them; as they stand where that version has left the disk."""
        version = self._versions.get(table.name)
        try:
            return self.warehouse.rows(table, version).table(columns, where)
        except (DiskError, OSError):
            return self.warehouse.rows(table).table(columns, where)

    def weekly(self, table: Table, columns: list[str] | None = None, **equal: str) -> pa.Table:
        """The listener's rows of a weekly table, with the given values."""
        conditions: list[Condition] = [("run_date", "=", self.run_date), ("user_id", "=", self.user_id)]
        return self.warehouse.rows(table, conditions=[*conditions, *((k, "=", v) for k, v in equal.items())]).table(columns)

    def artefact(self, name: str) -> ArtefactRef | None:
        """The week's artefact of that name; None where none is registered or it is damaged."""
        ref = self._registered.get(name)
        try:
            if ref:
                artefacts.open_folder(ref)
        except ArtefactError:
            return None
        return ref

    @cached_property
    def _registered(self) -> dict[str, ArtefactRef]:
        return self.books.artefacts(self.run_date)

    @cached_property
    def home(self) -> Row:
        """Country and timezone, null where unknown."""
        found = self.events(t.USERS, ["country", "timezone"], pc.field("user_id") == self.user_id).to_pylist()
        return found[0] if found else {"country": None, "timezone": None}

    @cached_property
    def history(self) -> pa.Table:
        """The listener's history row; no row for one who never listened before the cut."""
        return self.weekly(t.HISTORIES)

    @cached_property
    def candidates(self) -> dict[str, Row]:
        """Source -> its proposals, best first."""
        return {row["source"]: row for row in self.weekly(t.CANDIDATES).to_pylist()}

    @cached_property
    def orders(self) -> dict[str, Row]:
        """Context -> the order that lists are made from; empty for weeks from before there was a ranker."""
        return {row["context"]: row for row in self.weekly(t.RANKED).to_pylist()}

    @cached_property
    def playlist(self) -> Row | None:
        """The list that was made."""
        found = self.weekly(t.PLAYLISTS, ["tracks", "filled", "country"], surface=SURFACE).to_pylist()
        return found[0] if found else None

    @cached_property
    def blocked(self) -> dict[str, list[str]]:
        """Entity -> ids that the listener blocked before the cut: the last word stands, a block wins a tie."""
        own = self.events(t.FEEDBACK, ["entity", "entity_id", "kind", "at"], pc.field("user_id") == self.user_id)
        words: dict[tuple[str, str], tuple[Any, bool]] = {}
        for row in own.to_pylist():
            if row["at"].date() < cut(self.run_date):
                thing, word = (row["entity"], row["entity_id"]), (row["at"], row["kind"] == "block")
                words[thing] = max(word, words.get(thing, word))
        struck = sorted(thing for thing, (_, block) in words.items() if block)
        return {kind: [name for entity, name in struck if entity == kind] for kind in ("track", "artist")}

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue that the list was made with: as it was shipped, else made again."""
        shipped = self.shipped(catalogue_arrays.NAME)
        if shipped:
            return catalogue_arrays.load(shipped)
        tracks, artists = self.events(t.TRACKS, TRACK_COLUMNS), self.events(t.ARTISTS, ARTIST_COLUMNS)
        with tempfile.TemporaryDirectory() as folder:  # mapped files outlive their names
            return catalogue_arrays.load(catalogue_arrays.ship(Path(folder), self.run_date, tracks, artists))

    def shipped(self, name: str) -> ArtefactRef | None:
        """Arrays that a job shipped to its workers, which no table names; None where none or several lie there.

        Their manifest is taken at its word, their files are checked against it.
        """
        home = self.warehouse.root / "artefacts" / name / self.run_date.isoformat()
        found = list(home.glob(f"*/{MANIFEST}"))
        if len(found) != 1:
            return None
        ref = ArtefactRef(name, str(found[0].parent), file_sha256(found[0]))
        try:
            artefacts.open_folder(ref)
        except ArtefactError:
            return None
        return ref

    @cached_property
    def charts(self) -> popular_charts.PopularCharts:
        """The popular tracks that short lists are filled from."""
        ref = self.artefact("popularity")
        if ref is None:
            raise ContractError(f"no artefact popularity for {self.run_date}: run `plant week --run-date {self.run_date}`")
        return popular_charts.load(ref)

    @cached_property
    def proposable(self) -> Proposable:
        """Who may be proposed and how ties break."""
        return Proposable.from_arrow(self.events(t.TRACKS, CATALOGUE_COLUMNS), self.run_date)

    def source(self, name: str) -> Source | None:
        """A source of the week; None where it was not trained or its files do not fit."""
        ref = self.artefact(name)
        if ref is None:
            return None
        try:
            return SOURCES[name].load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"], self.proposable)
        except (FactoryError, KeyError, ValueError):
            return None

    @cached_property
    def weights(self) -> dict[str, float]:
        """Weight of each source in the blend; empty where no blend was trained: then all count the same."""
        ref = self.artefact(proposer.BLEND)
        return dict(artefacts.manifest(ref)["params"]["weights"]) if ref else {}

    @cached_property
    def listener(self) -> Listeners:
        """The listener as a source sees them: history, country, and what their friends love."""
        tracks, weights = self._loves()
        row = self.history.combine_chunks().to_batches()[0]
        columns = {name: row.column(name) for name in row.schema.names}
        columns["country"] = pa.array([self.home["country"]], pa.string())
        columns["loved_tracks"] = pa.array([tracks], pa.list_(pa.int32()))
        columns["loved_weights"] = pa.array([weights], pa.list_(pa.float32()))
        rows = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        return proposer.listeners(rows, self.settings.generate_candidates.circle.k)

    def _loves(self) -> tuple[npt.NDArray[Any] | None, ...]:
        """What the listener's friends love, one friend after the other; None where they follow nobody."""
        followed = self.events(t.FOLLOWS, ["followed_id"], pc.field("user_id") == self.user_id).column("followed_id")
        friends = sorted(set(followed.to_pylist()) - {self.user_id})
        if not friends:
            return None, None
        week = self.warehouse.rows(t.HISTORIES, conditions=[("run_date", "=", self.run_date)])
        lover = Lover((cut(self.run_date) - EPOCH).days, self.settings.generate_candidates.circle)
        found = lover.loves(week.batches(where=pc.field("user_id").isin(friends)))
        flat = [batch.column("loves").flatten() for batch in found]
        if not flat:
            return None, None
        return tuple(np.concatenate([part.field(name).to_numpy() for part in flat]) for name in ("track_idx", "weight"))
