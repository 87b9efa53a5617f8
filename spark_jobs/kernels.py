"""Compiled kernels: `python -m spark_jobs.kernels` compiles those of conf/kernels.lock into numba's cache, a set-up step.

Else the first week compiles them in whichever process meets them first, the same one in several at once.
`python -m spark_jobs.kernels --list` prints the lock: what stands compiled here, best after a week on a fresh clone.

Numba keeps one index for each kernel and loses entries where two processes write it. So the kernels that others call are
compiled first, and after that no two processes have a kernel in common.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

from numba import types
from numba.core.dispatcher import Dispatcher

from conf.errors import ContractError
from conf.settings import CONF
from models.cores import usable

LOCK = CONF / "kernels.lock"
PACKAGE = "models"
MOST_PROCESSES = 4  # the largest module takes a fifth of all the time: more would wait for it


class Signature(NamedTuple):
    """A kernel, "module:name", and the types of its arguments in words of JSON."""

    kernel: str
    takes: list[Any]

    @property
    def module(self) -> str:
        """Where the kernel stands."""
        return self.kernel.partition(":")[0]


def locked() -> list[Signature]:
    """What conf/kernels.lock lists: a line each, a kernel and what it takes."""
    lines = (line for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))
    return [Signature(kernel, json.loads(takes)) for kernel, takes in (line.split(maxsplit=1) for line in lines)]


def spelt(kind: types.Type) -> Any:
    """A numba type in words: "int64", "const float32 2C" (read only, two dimensions, C order), ["module:Tuple", [fields]].

    >>> spelt(types.float32[:, ::1])
    'float32 2C'
    """
    if isinstance(kind, types.Array):
        return f"{'' if kind.mutable else 'const '}{kind.dtype} {kind.ndim}{kind.layout}"
    if isinstance(kind, types.Literal):
        return {"literal": kind.literal_value}
    if isinstance(kind, types.BaseTuple):
        held = getattr(kind, "instance_class", tuple)
        return [f"{held.__module__}:{held.__qualname__}", [spelt(each) for each in kind]]
    return str(kind)


def read(word: Any) -> types.Type:
    """The numba type of what `spelt` wrote.

    >>> read("const int32 1C")
    Array(int32, 1, 'C', False, aligned=True)
    """
    if isinstance(word, dict):
        return types.literal(word["literal"])
    if isinstance(word, list):
        held, fields = _named(word[0]), tuple(read(each) for each in word[1])
        return types.BaseTuple.from_types(fields, None if held is tuple else held)
    *const, scalar, shape = word.split() if " " in word else (word, "")
    kind = getattr(types, scalar)
    return types.Array(kind, int(shape[:-1]), shape[-1], readonly=bool(const)) if shape else kind


def compiled_here() -> Iterator[Signature]:
    """What stands in numba's cache for the kernels of the house, in order of their names."""
    for name, kernel in sorted(kernels_below(PACKAGE).items()):
        index = kernel._cache._cache_file._load_index()  # numba has no public word for it
        for takes in sorted(([spelt(kind) for kind in key[0]] for key in index), key=json.dumps):
            yield Signature(name, takes)


def kernels_below(package: str) -> dict[str, Dispatcher]:
    """Every kernel of the modules of a package, by "module:name"."""
    found = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    return {name: kernel for module in found for name, kernel in _kernels_of(module.name).items()}


def compile_all(signatures: list[Signature], processes: int) -> None:
    """Compile what is not in the cache: what other modules call in this process, then a module at a time in `processes`."""
    shared = called_from_elsewhere({signature.module for signature in signatures})
    _compile([signature for signature in signatures if signature.kernel in shared])
    of_module = defaultdict(list)
    for signature in signatures:
        if signature.kernel not in shared:
            of_module[signature.module].append(signature)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_compile, sorted(of_module.values(), key=len, reverse=True)))  # a list, so that an error is raised


def called_from_elsewhere(modules: Iterable[str]) -> set[str]:
    """Kernels, "module:name", that a kernel of another one of these modules calls."""
    kernels = [kernel for module in sorted(modules) for kernel in _kernels_of(module).values()]
    called = ((kernel, kernel.py_func.__globals__.get(name)) for kernel in kernels for name in kernel.py_func.__code__.co_names)
    return {
        _name(other)
        for kernel, other in called
        if isinstance(other, Dispatcher) and other.py_func.__module__ != kernel.py_func.__module__
    }


def _compile(signatures: list[Signature]) -> None:
    for signature in signatures:
        kernel = _named(signature.kernel)
        kernel.compile(tuple(read(word) for word in signature.takes))


def _kernels_of(module: str) -> dict[str, Dispatcher]:
    held = vars(importlib.import_module(module)).values()
    own = [each for each in held if isinstance(each, Dispatcher) and each.py_func.__module__ == module]
    return {_name(kernel): kernel for kernel in own}


def _name(kernel: Dispatcher) -> str:
    return f"{kernel.py_func.__module__}:{kernel.py_func.__name__}"


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as gone:
        raise ContractError(f"{LOCK.name} names {path}, which is not there: take its lines out ({gone})") from gone


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("# Kernels that a week and `plant why` call, and the types that they call them with; written by `make kernels`")
        for kernel, takes in compiled_here():
            print(kernel, json.dumps(takes))
    else:
        compile_all(locked(), min(usable(), MOST_PROCESSES))
