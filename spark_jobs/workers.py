"""Where a week's jobs run: Spark's in a thread of this process, which has the session, the others in processes beside it.

In threads they would get in each other's way: trainers limit BLAS for their whole process, hold the interpreter, and run
compiled kernels whose own threads may not be entered twice. A worker ends with the process that started it, however that ends,
so a killed week leaves nobody behind who writes on.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import date
from functools import partial
from multiprocessing.connection import Connection

from conf.errors import EXIT_BUG, FactoryError, KilledError
from conf.job import Job
from conf.settings import Settings
from spark_jobs.lease import Lease
from spark_jobs.runner import Plant, Written, run_job

BeginJob = Callable[[Job, date, int | None], "Future[Written]"]
_plant: Plant  # a worker's own


@contextmanager
def workers(plant: Plant, at_once: int) -> Iterator[BeginJob]:
    """Give the call that begins a job; at the end of the block, wait for those begun.

    One at a time: all of them here, in the thread that asks. Whatever interrupts the block, as Ctrl-C does, ends them at once.
    """
    if at_once <= 1:
        yield partial(_here, plant)
        return
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    told = (ours, plant.settings, plant.lease, logging.getLogger().level)
    with ThreadPoolExecutor(1) as thread, ProcessPoolExecutor(at_once, spawn, _start, told) as processes:

        def begin(job: Job, run_date: date, edition: int | None) -> Future[Written]:
            if job.engine == "spark":
                return thread.submit(run_job, plant, job, run_date, edition)
            return processes.submit(_there, job, run_date, edition)

        try:
            yield begin
        except (KeyboardInterrupt, SystemExit):
            theirs.close()
            if "spark" in vars(plant):
                plant.spark.sparkContext.cancelAllJobs()
            raise


def outcome(begun: Future[Written], job: Job) -> Written:
    """What the job wrote.

    Raises
    ------
    KilledError
        Where its process was ended from outside.
    """
    try:
        return begun.result()
    except BrokenProcessPool:
        raise KilledError(
            f"the process of {job.name}, or of the job beside it, was killed, mostly because memory ran out: run again, and "
            "set jobs_at_once to 1 where it happens again"
        ) from None


def _here(plant: Plant, job: Job, run_date: date, edition: int | None) -> Future[Written]:
    """An outcome that is there at once."""
    done: Future[Written] = Future()
    try:
        done.set_result(run_job(plant, job, run_date, edition))
    except Exception as failed:
        done.set_exception(failed)
    return done


def _start(ours: Connection, settings: Settings, lease: Lease | None, level: int) -> None:
    """A worker's first call."""
    from spark_jobs.cli.main import log_to_stderr

    global _plant
    log_to_stderr(level)
    _plant = Plant(settings, lease)
    threading.Thread(target=_end_with, args=(ours,), daemon=True).start()


def _end_with(ours: Connection) -> None:
    """Wait for the other end of the pipe to close: its holder is gone, or wants no more of this."""
    try:
        ours.recv()
    except (EOFError, OSError):
        os._exit(EXIT_BUG)


def _there(job: Job, run_date: date, edition: int | None) -> Written:
    try:
        return run_job(_plant, job, run_date, edition)
    except FactoryError:
        raise
    except Exception as bug:  # not every exception of every library travels between processes
        raise RuntimeError(f"{type(bug).__name__}: {bug}") from bug
