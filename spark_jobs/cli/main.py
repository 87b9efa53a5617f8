"""`plant`: the factory's command line. --help and argument errors import neither Spark nor numpy."""

from __future__ import annotations

import importlib
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from conf import errors, settings
from conf.errors import FactoryError

# word -> module below spark_jobs.cli; a module is imported when its word is used.
WORDS = {
    "simulate": "landing",
    "import": "landing",
    "run": "line",
    "week": "line",
    "show": "show",
    "listener": "listener",
    "why": "why",
    "tables": "inspect",
    "sql": "inspect",
    "status": "status",
    "graph": "inspect",
    "doctor": "doctor",
    "features": "features",
    "migrate": "upkeep",
    "vacuum": "upkeep",
    "rollback": "stores",
    "benchmark": "benchmark",
    "backtest": "backtest",
    "hear": "hear",
    "similar": "similar",
}


@dataclass(frozen=True)
class Options:
    """Options that stand before the word; `settings()` reads the yaml files only when a word needs them."""

    env: str | None
    landing: Path | None
    warehouse: Path | None

    def settings(self, **overrides: object) -> settings.Settings:
        """Settings of the environment with the folders given on the command line."""
        return settings.load(self.env, landing=self.landing, warehouse=self.warehouse, **overrides)


class Words(click.Group):
    """Commands by name, loaded late: `plant --help` takes a tenth of a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Words in the order of the line."""
        return list(WORDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, or None."""
        if cmd_name not in WORDS:
            return None
        module = importlib.import_module(f"spark_jobs.cli.{WORDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.command(cls=Words, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--env", metavar="NAME", help="Settings of conf/NAME.yaml over conf/base.yaml (demo, real, ...).")
@click.option("--landing", type=click.Path(path_type=Path), metavar="DIR", help="Landing folder, instead of the settings'.")
@click.option("--warehouse", type=click.Path(path_type=Path), metavar="DIR", help="Warehouse folder, instead of the settings'.")
@click.option("-v", "--verbose", is_flag=True, help="Log every step, with times.")
@click.pass_context
def plant(ctx: click.Context, env: str | None, landing: Path | None, warehouse: Path | None, verbose: bool) -> None:
    """Pressing Plant: listening logs in, next week's playlists out.

    Exit codes: 0 done, 64 usage, 65 bad data, 69 a service is away, 70 bug, 74 disk, 75 try again later.
    """
    log_to_stderr(logging.INFO if verbose else logging.WARNING)
    ctx.obj = Options(env, landing, warehouse)


def log_to_stderr(level: int) -> None:
    """Configure this process's logging."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.ERROR)


def run() -> None:
    """Entry point: turns errors into one line on stderr and an exit code."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    try:
        answer = plant.main(args=arguments, prog_name="plant", standalone_mode=False)
        return answer if isinstance(answer, int) else errors.EXIT_DONE
    except click.ClickException as wrong:
        wrong.show()
        return errors.EXIT_USAGE
    except click.Abort:
        return 130
    except FactoryError as failed:
        click.echo(f"plant: {failed}", err=True)
        return failed.exit_code
    except BrokenPipeError:
        return errors.EXIT_DONE
    except SystemExit as left:  # click leaves so when a pipe breaks, as in `plant tables | head`
        return errors.EXIT_DONE if isinstance(left.__context__, BrokenPipeError) else int(left.code or 0)
    except OSError as failed:
        click.echo(f"plant: {failed.strerror}: {failed.filename}; free the disk or mend the path, then run again", err=True)
        return errors.EXIT_IO
    except Exception:
        logging.getLogger(__name__).exception("a bug: please report it with the lines above")
        return errors.EXIT_BUG
