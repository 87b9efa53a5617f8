"""The books: what an attempt read, which week pins what, and what a killed attempt leaves to its next."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conf.errors import ContractError
from conf.pipeline import BY_NAME
from conf.tables import MODELS, RUNS
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.books import PACKED_ABOVE, Attempt, Books, code_version
from spark_jobs.warehouse import Warehouse

MONDAY = date(2026, 9, 7)
JOB = BY_NAME["build_histories"]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(Warehouse(tmp_path))


def attempt(run_id: str, reads: dict[str, int], edition: int = 0, run_date: date = MONDAY) -> Attempt:
    return Attempt(run_id, JOB.name, run_date, edition, reads, "settings")


def test_states_come_back_in_order_with_their_maps(books: Books) -> None:
    first = attempt("a", {"listens": 3, "tracks": 1})
    books.write(first, "started")
    books.write(first, "done", exit_code=0, seconds=1.5, writes={"histories": 2}, rows={"histories": 10})
    started, done = books.entries(job=JOB.name)
    assert (started["state"], started["exit_code"], started["writes"]) == ("started", None, {})
    assert (done["state"], done["reads"], done["writes"], done["rows"]) == (
        "done", {"listens": 3, "tracks": 1}, {"histories": 2}, {"histories": 10},
    )  # fmt: skip
    assert done["code_version"] == code_version()


def test_the_first_read_of_a_week_pins_its_version(books: Books) -> None:
    books.write(attempt("a", {"listens": 3}), "started")
    books.write(attempt("b", {"listens": 7, "users": 2}), "started")
    books.write(attempt("c", {"listens": 9}, edition=1), "started")
    books.write(attempt("d", {"listens": 8}, run_date=date(2026, 9, 14)), "started")
    assert books.pins(MONDAY, 0) == {"listens": 3, "users": 2}
    assert books.pins(MONDAY, 1) == {"listens": 9}
    assert (books.edition(MONDAY), books.edition(date(2026, 1, 5))) == (1, 0)


def test_packed_books_say_the_same_in_one_file(books: Books) -> None:
    for n in range(PACKED_ABOVE):
        books.write(attempt(f"a{n}", {"listens": n}), "started")
    before = books.entries()
    books.pack()
    assert len(books.warehouse.state(RUNS).files) == PACKED_ABOVE, "few enough to be left alone"
    books.write(attempt("last", {}), "started")
    books.pack()
    assert len(books.warehouse.state(RUNS).files) == 1
    assert books.entries()[:-1] == before
    assert books.pins(MONDAY, 0) == {"listens": 0}


def test_books_of_nobody_have_nothing_to_pack(books: Books) -> None:
    books.pack()
    assert books.entries() == []


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], {}),  # never ran
        ([("a", "started", 3)], {"histories": 3}),  # killed
        ([("a", "started", 3), ("b", "started", 5)], {"histories": 3}),  # killed twice: what the first one saw
        ([("a", "started", 3), ("a", "done", 3)], {}),  # finished
        ([("a", "started", 3), ("a", "done", 3), ("b", "started", 6)], {"histories": 6}),  # finished, then killed
        ([("a", "started", 3), ("a", "failed", 3)], {"histories": 3}),  # failed
    ],
)
def test_unfinished_attempt_leaves_what_it_read(books: Books, states: list[Any], expected: dict[str, int]) -> None:
    for run_id, state, version in states:
        books.write(attempt(run_id, {"histories": version}), state)
    assert books.unfinished(JOB, MONDAY) == expected


def test_last_done_is_the_newest_finished_one(books: Books) -> None:
    assert books.last_done(JOB) is None
    for run_id, state in (("a", "done"), ("b", "done"), ("c", "failed")):
        books.write(attempt(run_id, {}), state)
    last = books.last_done(JOB)
    assert last is not None
    assert last["run_id"] == "b"


def test_long_messages_are_cut(books: Books) -> None:
    books.write(attempt("a", {}), "failed", message="x" * 9000)
    assert len(books.entries()[0]["message"]) == 2000


def test_registered_artefact_is_found_again_after_the_warehouse_moved(books: Books, tmp_path: Path) -> None:
    made = Artefact({"x": np.arange(3)}, {"d": 1}, {"ndcg": 0.5})
    ref = artefacts.save(books.warehouse.root, "mf", str(MONDAY), made)
    books.warehouse.write_arrow(MODELS, books.register(ref, made, MONDAY), "true")
    books.warehouse.root.rename(moved := tmp_path.parent / f"{tmp_path.name}-moved")
    found = Books(Warehouse(moved)).artefact("mf", MONDAY)
    assert (found.name, found.sha256) == (ref.name, ref.sha256)
    np.testing.assert_array_equal(artefacts.load_arrays(found)["x"], [0, 1, 2])


def test_missing_artefact_names_the_training(books: Books) -> None:
    with pytest.raises(ContractError, match="no artefact mf is registered for 2026-09-07: run train_mf"):
        books.artefact("mf", MONDAY)
