"""conf/kernels.lock: it names kernels that are there and everything that a week calls, and its types are numba's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import types

from conf.errors import ContractError
from models.slates.ragged import Ragged
from spark_jobs import kernels

INLINED = {"models.world.playback:affinity"}  # no code of its own

LOW = """
import numba

@numba.njit(cache=True)
def inner(x):
    return x + 1
"""
HIGH = """
import numba
from made_up.low import inner

@numba.njit(cache=True)
def total(xs):
    s = 0
    for x in xs:
        s += inner(x)
    return s
"""
AHEAD = """
from spark_jobs.kernels import Signature, compile_all

if __name__ == "__main__":
    compile_all([Signature("made_up.low:inner", ["int64"]), Signature("made_up.high:total", ["int64 1C"])], 2)
"""
LATER = """
import numpy as np
from made_up import high, low

assert high.total(np.arange(3)) == 6 and low.inner(1) == 2
assert high.total.stats.cache_hits and low.inner.stats.cache_hits
assert not high.total.stats.cache_misses and not low.inner.stats.cache_misses
"""


def test_every_kernel_is_locked_and_every_locked_one_is_there() -> None:
    listed, there = {signature.kernel for signature in kernels.locked()}, set(kernels.kernels_below("models")) - INLINED
    assert listed == there, f"{listed ^ there}: run a week and a `plant why` on a fresh clone, then `make kernels`"


def test_locked_kernels_take_as_many_arguments_as_they_are_listed_with() -> None:
    known = kernels.kernels_below("models")
    for signature in kernels.locked():
        types_read = [kernels.read(word) for word in signature.takes]
        assert len(types_read) == known[signature.kernel].py_func.__code__.co_argcount, signature.kernel


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((2, 3), np.float32),
        np.zeros(3, np.bool_),
        np.zeros((4, 4))[:, 1],
        7,
        1.5,
        np.int8(3),
        True,
        Ragged(np.zeros(2, np.int64), np.zeros(1, np.int32)),
        (np.zeros(2, np.int32), 1),
        (1, 2),
    ],
    ids=str,
)
def test_types_are_read_as_they_were_spelt(value: object) -> None:
    kind = numba.typeof(value)
    assert kernels.read(kernels.spelt(kind)) == kind


def test_read_only_arrays_and_literals_are_types_of_their_own() -> None:
    frozen = np.zeros(3, np.int32)
    frozen.setflags(write=False)
    assert kernels.spelt(numba.typeof(frozen)) == "const int32 1C"
    assert kernels.read("const int32 1C") == numba.typeof(frozen) != numba.typeof(frozen.copy())
    assert kernels.read(kernels.spelt(types.literal(2))) == types.literal(2)


def test_what_was_compiled_ahead_is_not_compiled_again(tmp_path: Path) -> None:
    package = tmp_path / "made_up"
    package.mkdir()
    for name, text in (("__init__", ""), ("low", LOW), ("high", HIGH)):
        (package / f"{name}.py").write_text(text)
    for name, text in (("ahead", AHEAD), ("later", LATER)):
        (tmp_path / f"{name}.py").write_text(text)
        done = subprocess.run(
            [sys.executable, tmp_path / f"{name}.py"], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_kernel_that_is_gone_is_named() -> None:
    with pytest.raises(ContractError, match=r"kernels\.lock names models\.als:gone"):
        kernels.compile_all([kernels.Signature("models.als:gone", [])], 1)
