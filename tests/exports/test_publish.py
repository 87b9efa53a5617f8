"""The publishing protocol over every store: order, refusals, re-runs, rollback."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

import exports
from conf.errors import EXIT_BAD_DATA, EXIT_DONE, EXIT_SERVICE_AWAY, EXIT_TRY_LATER, BusyError, PublishError, StoreAwayError
from exports.edition import Edition
from exports.generations import Pointer
from exports.publish import StoreOutcome, exit_code, publish
from exports.reader import Reader
from exports.rollback import release, rollback, status

SURFACE = "discover_weekly"
SCHEMA = Path(exports.__file__).parent / "schema"


@pytest.fixture
def run(gates):
    """Publish with a lease that holds; returns the outcome of the one store."""

    def publish_one(store, edition: Edition, epoch: int = 0, gates=gates) -> StoreOutcome:
        (outcome,) = publish(edition, [store], gates, fence=lambda: None, exposures=lambda generation: None, epoch=epoch)
        return outcome

    return publish_one


def tracks_of(store, user: str, monday, week: int = 0) -> list[str]:
    at = datetime(monday.year, monday.month, monday.day, 12, tzinfo=UTC) + timedelta(weeks=week)
    return [t["track_id"] for t in Reader(store).get(user, SURFACE, at=at).tracks]


def test_a_week_is_served_and_a_second_run_does_nothing(store, run, edition, monday) -> None:
    first = run(store, edition(0), epoch=7)
    assert (first.state, first.records, first.epoch, first.exit_code) == ("flipped", 10, 7, EXIT_DONE)
    assert tracks_of(store, "user3", monday) == ["w0-0-user3", "w0-1-user3", "w0-2-user3"]
    before = store.pointer(SURFACE)
    again = run(store, edition(0), epoch=8)
    assert (again.state, again.generation) == ("already", first.generation)
    assert store.pointer(SURFACE) == before


def test_previous_stays_and_the_one_before_goes(store, run, edition) -> None:
    ids = [run(store, edition(week)).generation for week in range(3)]
    pointer = store.pointer(SURFACE)
    assert (pointer.generation, pointer.previous) == (ids[2], ids[1])
    assert store.generations(SURFACE) == sorted(ids[1:])


def test_a_second_edition_of_a_week_keeps_last_week_as_previous(store, run, edition) -> None:
    """On Sunday nobody's Monday has begun: were this week's first edition the previous one, nobody would get a list."""
    last_week = run(store, edition(0)).generation
    first = run(store, edition(1)).generation
    second = run(store, edition(1, mark="late rows")).generation
    pointer = store.pointer(SURFACE)
    assert (pointer.generation, pointer.previous) == (second, last_week) and first != second
    assert first in store.generations(SURFACE), "a reader may still hold the replaced pointer"


def test_older_weeks_never_replace_newer_ones(store, run, edition) -> None:
    run(store, edition(1))
    before = store.pointer(SURFACE)
    outcome = run(store, edition(0))
    assert (outcome.state, outcome.exit_code) == ("kept", EXIT_DONE) and "a newer week" in outcome.error
    assert store.pointer(SURFACE) == before and len(store.generations(SURFACE)) == 1


def test_rollback_pins_until_released_or_a_newer_week(store, run, edition, monday) -> None:
    good = run(store, edition(0)).generation
    bad = run(store, edition(1))
    pointer = rollback(store, SURFACE)
    assert pointer == Pointer(good, None, monday, bad.epoch + 1, pinned=monday + timedelta(weeks=1))
    assert tracks_of(store, "user1", monday, week=1)[0] == "w0-0-user1", "the withdrawn list is no fallback"
    assert run(store, edition(1)).state == "kept" and run(store, edition(1, mark="b")).state == "kept"
    assert run(store, edition(2)).state == "flipped", "a newer week replaces a pinned pointer"
    assert store.pointer(SURFACE).pinned is None and store.pointer(SURFACE).previous == good


def test_release_lets_the_withdrawn_week_be_published_again(store, run, edition) -> None:
    good = run(store, edition(0)).generation
    run(store, edition(1))
    rollback(store, SURFACE)
    with pytest.raises(PublishError, match="nothing to go back to"):
        rollback(store, SURFACE)
    release(store, SURFACE)
    fixed = run(store, edition(1, mark="fixed"))
    assert fixed.state == "flipped" and store.pointer(SURFACE).previous == good
    with pytest.raises(PublishError, match="nothing to release"):
        release(store, SURFACE)


def test_generation_does_not_depend_on_the_order_of_the_stream(store, run, edition) -> None:
    week = edition(0)
    first = run(store, week).generation
    turned = replace(week, records=lambda: reversed(list(week.records())))
    assert run(store, turned).state == "already" and store.pointer(SURFACE).generation == first


def test_stored_pointer_and_manifest_keep_their_schemas(store, run, edition) -> None:
    run(store, edition(0))
    pointer = store.pointer(SURFACE)
    manifest = store.manifest(SURFACE, pointer.generation)
    for name, value in (("pointer", pointer.encode()), ("manifest", manifest.encode())):
        schema = json.loads((SCHEMA / f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(json.loads(value))
    assert manifest.gates["covered"] == 1.0 and manifest.simulated


def test_steps_come_in_order(sqlite, run, edition, gates) -> None:
    """Exposures before the manifest, the fence directly before the flip."""
    run(sqlite, edition(0))
    steps: list[str] = []

    class Watched:
        def __getattr__(self, name):
            target = getattr(sqlite, name)
            if name in ("begin", "load", "read_back", "seal", "flip", "drop"):
                steps.append(name)
            return target

    publish(
        edition(1),
        [Watched()],
        gates,
        fence=lambda: steps.append("fence"),
        exposures=lambda generation: steps.append("exposures"),
    )
    assert steps == ["begin", "load", "read_back", "exposures", "seal", "fence", "flip"]


def test_a_dropped_key_before_verification_refuses_the_flip(store, run, edition) -> None:
    run(store, edition(0))
    served = store.pointer(SURFACE)
    original = store.load

    def lose_one(surface, generation, pairs) -> None:
        original(surface, generation, list(pairs)[1:])

    store.load = lose_one
    outcome = run(store, edition(1))
    assert (outcome.state, outcome.exit_code) == ("refused", EXIT_BAD_DATA) and "holds 9 records" in outcome.error
    assert store.pointer(SURFACE) == served
    store.load = original
    outcome = run(store, edition(1))
    assert outcome.state == "flipped"


def test_a_swapped_value_refuses_the_flip(store, run, edition) -> None:
    original = store.load

    def swap(surface, generation, pairs) -> None:
        (one, value), (two, other), *rest = pairs
        original(surface, generation, [(one, other), (two, value), *rest])

    store.load = swap
    outcome = run(store, edition(0))
    assert outcome.state == "refused" and store.pointer(SURFACE) is None


def test_a_lost_lease_stops_before_the_flip(store, edition, gates) -> None:
    def lost() -> None:
        raise BusyError("the lease of this run was taken over")

    with pytest.raises(BusyError):
        publish(edition(0), [store], gates, fence=lost, exposures=lambda generation: None)
    assert store.pointer(SURFACE) is None


def test_a_store_that_is_away_fails_alone(sqlite, bundle, edition, gates) -> None:
    def away() -> None:
        raise StoreAwayError("bundle store does not answer")

    bundle.check = away
    exposed: list[str] = []
    outcomes = publish(edition(0), [bundle, sqlite], gates, fence=lambda: None, exposures=exposed.append)
    assert [o.state for o in outcomes] == ["failed", "flipped"] and exit_code(outcomes) == EXIT_SERVICE_AWAY
    assert exposed == [outcomes[0].generation]
    del bundle.check
    outcomes = publish(edition(0), [bundle, sqlite], gates, fence=lambda: None, exposures=exposed.append)
    assert [o.state for o in outcomes] == ["flipped", "already"] and exit_code(outcomes) == EXIT_DONE
    assert len(exposed) == 2, "written again for the store that came back, replacing the same rows"


def test_a_lost_race_says_try_later(sqlite, run, edition) -> None:
    original = sqlite.flip

    def rival_first(surface, expected, new) -> bool:
        original(surface, expected, replace(new, generation="f" * 32))
        return original(surface, expected, new)

    sqlite.flip = rival_first
    outcome = run(sqlite, edition(0))
    assert (outcome.state, outcome.exit_code) == ("failed", EXIT_TRY_LATER)
    assert sqlite.pointer(SURFACE).generation == "f" * 32


def test_a_late_cleaner_takes_nothing_that_another_run_flipped(sqlite, run, edition) -> None:
    """A publisher sleeps between looking and deleting; meanwhile the generation it saw waiting is flipped."""
    first = run(sqlite, edition(0))
    pointer = sqlite.pointer(SURFACE)
    original = sqlite.generations
    woken: list[str] = []

    def slow(surface):
        seen = original(surface)
        if not woken:
            woken.append("rival")
            run(sqlite, edition(2))
            seen = original(surface)
        return seen

    sqlite.generations = slow
    outcome = run(sqlite, edition(1))
    assert outcome.state == "failed" and sqlite.pointer(SURFACE).epoch == pointer.epoch + 1
    assert sqlite.get(SURFACE, sqlite.pointer(SURFACE).generation, "u:user0") is not None
    assert sqlite.get(SURFACE, first.generation, "u:user0") is not None


def test_a_loaded_generation_is_not_loaded_again(store, run, edition, gates) -> None:
    """The run dies after its read-back: exposures are the next step."""

    class KilledHereError(Exception):
        pass

    def die(generation: str) -> None:
        raise KilledHereError

    with pytest.raises(KilledHereError):
        publish(edition(0), [store], gates, fence=lambda: None, exposures=die)
    assert store.pointer(SURFACE) is None
    store.load = None  # calling it would be an error
    outcome = run(store, edition(0))
    assert outcome.state == "flipped"


def test_the_stream_must_hold_one_week(sqlite, run, edition, make_list) -> None:
    mixed = replace(edition(0), records=lambda: iter([make_list("ana", week=1)]))
    with pytest.raises(PublishError, match="one week of one surface"):
        run(sqlite, mixed)


def test_status_tells_served_and_waiting(store, run, edition) -> None:
    assert status(store, SURFACE).pointer is None
    first = run(store, edition(0))
    store.begin(SURFACE, "e" * 32, 1)
    found = status(store, SURFACE)
    assert found.pointer.generation == found.manifest.generation == first.generation
    assert found.waiting == ["e" * 32]
    outcome = run(store, edition(1))
    assert status(store, SURFACE).waiting == [], "the next run sweeps what a killed one left"
    assert outcome.state == "flipped"
