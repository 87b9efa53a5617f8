"""One root error, one exit code per kind of failure.

The codes follow sysexits.h where it has a word for the case, so that a shell, Airflow or systemd can tell
"try again later" from "somebody must look" without reading the log.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_USAGE = 64
EXIT_BAD_DATA = 65
EXIT_SERVICE_AWAY = 69
EXIT_BUG = 70
EXIT_IO = 74
EXIT_TRY_LATER = 75

MEANING = {
    EXIT_DONE: "done",
    EXIT_USAGE: "usage: the command line or the settings are wrong",
    EXIT_BAD_DATA: "bad data: a contract or a gate refused",
    EXIT_SERVICE_AWAY: "a service is away",
    EXIT_BUG: "a bug in the factory",
    EXIT_IO: "disk or I/O",
    EXIT_TRY_LATER: "try again later: a lock is held or a write conflicted",
}


class FactoryError(Exception):
    """Root of every error that the factory raises on purpose.

    The message says what happened, where, what was seen, and what to do next.
    """

    exit_code = EXIT_BUG


class UsageError(FactoryError):
    """The command line names something that does not exist."""

    exit_code = EXIT_USAGE


class SettingsError(FactoryError):
    """A yaml file or an environment variable holds a value that the settings refuse."""

    exit_code = EXIT_USAGE


class ContractError(FactoryError):
    """Data does not keep a table's contract, or a gate refused it."""

    exit_code = EXIT_BAD_DATA


class LandingError(FactoryError):
    """A landing file or an importer's input is not what it claims to be."""

    exit_code = EXIT_BAD_DATA


class AudioError(FactoryError):
    """An audio file cannot be heard; `reason` is a word of `conf.audio.REASONS`, the text says what was seen.

    Both are arguments of the exception, so that it travels between processes whole.
    """

    exit_code = EXIT_BAD_DATA

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class ArtefactError(FactoryError):
    """A model's files are missing, torn, or do not match their manifest."""

    exit_code = EXIT_BAD_DATA


class PublishError(FactoryError):
    """A list gate or the read-back of a store refused the flip."""

    exit_code = EXIT_BAD_DATA


class StoreAwayError(FactoryError):
    """A key-value store does not answer."""

    exit_code = EXIT_SERVICE_AWAY


class DiskError(FactoryError):
    """The disk is full or a file cannot be read or written."""

    exit_code = EXIT_IO


class BusyError(FactoryError):
    """Another run holds the lease, or won a race: trying again later can help."""

    exit_code = EXIT_TRY_LATER


class KilledError(FactoryError):
    """A job's process was ended from outside."""

    exit_code = EXIT_TRY_LATER
