"""What only a real server can show: expiry, eviction, memory, passwords, and a death in the middle of a load."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from conf.errors import EXIT_BAD_DATA, EXIT_SERVICE_AWAY, FactoryError, PublishError, SettingsError, StoreAwayError
from exports.generations import Manifest
from exports.publish import exit_code, publish
from exports.reader import Reader
from exports.stores.opening import open_store
from exports.stores.redis import RedisStore

pytestmark = pytest.mark.redis
SURFACE = "discover_weekly"
CANARY = "canary-5d41402abc4b2a76"


def run(stores, edition, gates):
    return publish(edition, stores, gates, fence=lambda: None, exposures=lambda generation: None)


def test_unpublished_records_expire_and_published_ones_stay(redis_server, edition, gates, tmp_path) -> None:
    store, week = redis_server.store(tmp_path), edition(0)
    client = redis_server.client()
    store.begin(SURFACE, "0" * 32, 10)
    store.load(SURFACE, "0" * 32, week.pairs())
    records = [k for k in client.scan_iter("pp:v1:discover_weekly:*:*") if not k.endswith(b":manifest")]
    assert len(records) == 10 and all(86_000 < client.ttl(k) <= 86_400 for k in records)
    (outcome,) = run([store], week, gates)
    assert outcome.state == "flipped"
    assert {client.ttl(k) for k in client.scan_iter("*")} == {-1}
    assert client.exists(f"pp:v1:discover_weekly:{outcome.generation}:u:user3") == 1


def test_a_killed_seal_is_finished_by_the_next_run(redis_server, edition, gates, tmp_path) -> None:
    store, week = redis_server.store(tmp_path), edition(0)

    def die(generation: str) -> None:
        with redis_server.client() as client:
            client.persist(f"pp:v1:discover_weekly:{generation}:u:user3")  # one key of ten was already kept
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(week, [store], gates, fence=lambda: None, exposures=die)
    assert run([store], week, gates)[0].state == "flipped"


@pytest.mark.faults
def test_a_load_that_nobody_seals_disappears(redis_server, edition, tmp_path, monday) -> None:
    store = RedisStore(redis_server.client(), unpublished_seconds=1)
    store.begin(SURFACE, "0" * 32, 10)
    store.load(SURFACE, "0" * 32, edition(0).pairs())
    time.sleep(1.2)
    assert store.read_back(SURFACE, "0" * 32).records == 0
    with pytest.raises(PublishError, match="0 of 10 records were still there"):
        store.seal(Manifest(SURFACE, monday, "0" * 32, 10, "", {}, True))
    assert store.manifest(SURFACE, "0" * 32) is None


def test_an_evicting_server_is_refused(redis_server, edition, gates, tmp_path) -> None:
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        (outcome,) = run([redis_server.store(tmp_path)], edition(0), gates)
        client.config_set("maxmemory-policy", "noeviction")
    assert (outcome.state, outcome.exit_code) == ("refused", EXIT_BAD_DATA) and "allkeys-lru" in outcome.error


def test_a_full_server_is_refused_and_unmoved(start_redis, edition, gates, tmp_path) -> None:
    server = start_redis("--maxmemory", "3mb")
    store = server.store(tmp_path)
    (outcome,) = run([store], edition(0, 5_000), gates)
    assert outcome.state == "refused" and "OOM" in outcome.error and store.pointer(SURFACE) is None


def test_a_death_in_mid_load_fails_alone_and_heals(start_redis, sqlite, edition, gates, tmp_path) -> None:
    """The server is killed after 1,500 of 2,002 records; it keeps a log on disk, so what it served survives."""
    server = start_redis("--appendonly", "yes", "--appendfsync", "always")
    store = server.store(tmp_path)
    run([store, sqlite], edition(0, 2_000), gates)
    served = store.pointer(SURFACE)
    week, passes = edition(1, 2_000), []

    def deadly():
        passes.append(1)
        for number, record in enumerate(week.records()):
            if len(passes) == 2 and number == 1_500:  # the first pass is the survey
                server.kill()
            yield record

    outcomes = run([store, sqlite], replace(week, records=deadly), gates)
    assert [o.state for o in outcomes] == ["failed", "flipped"] and exit_code(outcomes) == EXIT_SERVICE_AWAY
    with pytest.raises(StoreAwayError):
        Reader(store).get("user7", SURFACE, at=datetime(2026, 9, 15, tzinfo=UTC))
    server.start()
    assert store.pointer(SURFACE) == served
    assert Reader(store).get("user7", SURFACE, at=datetime(2026, 9, 15, tzinfo=UTC)).generation == served.generation
    outcomes = run([store, sqlite], week, gates)
    assert [o.state for o in outcomes] == ["flipped", "already"] and outcomes[0].generation == outcomes[1].generation
    assert len(store.generations(SURFACE)) == 2


def everything_said(error: BaseException | None) -> str:
    """All text that an error could ever show: messages, chained errors, traceback."""
    said = ""
    while error is not None:
        said += repr(error) + "".join(traceback.format_exception(error))
        error = error.__cause__ or error.__context__
    return said


def test_a_right_password_leaves_no_trace(start_redis, edition, gates, tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    server = start_redis("--requirepass", CANARY)
    store = server.store(tmp_path, PLANT_REDIS_PASSWORD=CANARY)
    (outcome,) = run([store], edition(0), gates)
    assert outcome.state == "flipped"
    with server.client() as client:
        stored = b"".join(client.get(k) for k in client.scan_iter("*") if client.type(k) == b"string")
    assert CANARY not in caplog.text + repr(store) + repr(outcome) and CANARY.encode() not in stored


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("redis://127.0.0.1:{port}/0", "wrong-" + CANARY),
        ("redis://127.0.0.1:{port}/0", ""),  # the server wants a password
        ("redis://app:" + CANARY + "-wrong@127.0.0.1:{port}/0", ""),
        ("redis://:" + CANARY + "@127.0.0.1:1/0", ""),  # connection refused
        ("redis://127.0.0.1:1/0", CANARY),
        ("rediss://:" + CANARY + "@127.0.0.1:{port}/0", ""),  # TLS against a plain port
        ("redis://" + CANARY + ".invalid:6379/0", ""),  # no such host
        ("redis://:" + CANARY + "@127.0.0.1:{port}/7777", ""),  # no such database
    ],
)
def test_failures_keep_the_secret(edition, gates, tmp_path, caplog, secured, url, password) -> None:
    caplog.set_level(logging.DEBUG)
    environ = {"PLANT_REDIS_URL": url.format(port=secured.port), "PLANT_REDIS_PASSWORD": password}
    store = open_store("redis", tmp_path, environ=environ, answer_seconds=0.3)
    (outcome,) = run([store], edition(0), gates)
    assert outcome.state in ("failed", "refused") and "redis store" in outcome.error
    with pytest.raises(FactoryError) as caught:
        store.pointer(SURFACE)
    assert caught.value.__context__ is None
    assert CANARY not in everything_said(caught.value) + caplog.text + repr(store) + repr(outcome)


@pytest.fixture(scope="module")
def secured(start_redis):
    return start_redis("--requirepass", CANARY)


def test_a_broken_url_is_not_repeated(tmp_path) -> None:
    for url in (f"http://:{CANARY}@host", f"redis://host:{CANARY}/0", f"redis://[{CANARY}"):
        with pytest.raises(SettingsError, match="PLANT_REDIS_URL is no URL") as caught:
            open_store("redis", tmp_path, environ={"PLANT_REDIS_URL": url})
        assert CANARY not in everything_said(caught.value)


def test_the_tls_switch_turns_a_plain_url(redis_server, tmp_path) -> None:
    environ = {"PLANT_REDIS_URL": redis_server.url, "PLANT_REDIS_TLS": "1"}
    store = open_store("redis", tmp_path, environ=environ, answer_seconds=0.3)
    with pytest.raises(StoreAwayError):
        store.check()


def test_a_week_is_published_over_tls(start_redis, edition, gates, tmp_path) -> None:
    """A server of one's own certificate authority, named in the URL."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on PATH")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(request, check=True, capture_output=True, timeout=30)
    files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(certificate)]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start_redis("--tls-port", str(port), "--tls-auth-clients", "no", *files)
    url = f"redis://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
    store = open_store("redis", tmp_path, environ={"PLANT_REDIS_URL": url, "PLANT_REDIS_TLS": "1"})
    assert run([store], edition(0), gates)[0].state == "flipped"
    untrusting = open_store("redis", tmp_path, environ={"PLANT_REDIS_URL": f"rediss://127.0.0.1:{port}/0"})
    with pytest.raises(StoreAwayError):
        untrusting.check()
