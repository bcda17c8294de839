"""Exit codes, and how errors end a command: a line or few on stderr, and one of the codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from domain.errors import ClewError

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INVALID: Final = 3
NOT_FOUND: Final = 4
CONFLICT: Final = 5
WAITING: Final = 6
UNAVAILABLE: Final = 7
INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells have it."""
MISUSED: Final = frozenset({"INVALID_VERSION", "INVALID_POINTER", "INVALID_PARAMETER", "INVALID_EXPRESSION"})
"""Codes of refusals of what an option or argument says."""
BROKEN_PIPE: Final = 141
"""128 and the number of SIGPIPE."""

STATUS_CODES: Final = {
    "completed": OK,
    "failed": FAILED,
    "cancelled": FAILED,
    "suspended": WAITING,
    "paused": WAITING,
    "running": WAITING,
}
"""How `run` and `start` end, by the status that its execution is left in."""

EXPLANATION: Final = """\b
Exit codes:
  0  ok; `run`, `start`: the execution completed
  1  the execution failed or was cancelled; any other failure
  2  usage: an option, an argument or a setting
  3  the definition is not valid
  4  there is no such execution, workflow, node or other thing
  5  conflict: it does not fit what the execution is doing now
  6  `run`, `start`: the execution is parked, paused, or still running after --timeout
  7  the server or the store can't be used now
"""


class Commands(click.Group):
    """The commands, in the order in which they were added, with errors told in words instead of a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end with the code of whatever stops it."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _close_stdout()
            ctx.exit(BROKEN_PIPE)
        except Exception as error:  # noqa: BLE001 - what is not ours is raised on
            ctx.exit(_told(error))
        return result


def _told(error: Exception) -> int:
    """Print what a person should know of an error; gives the exit code. What is not Clew's own is raised on."""
    from domain.errors import ClewError, InvalidDefinition

    if not isinstance(error, ClewError):
        raise error
    if isinstance(error, InvalidDefinition):
        from interfaces.cli.problems import print_problems, print_summary

        print_problems(error.problems)
        print_summary(error.problems)
    else:
        click.echo(f"Error: {error.message}{_advice(error)}", err=True)
    return code_of(error)


def code_of(error: ClewError) -> int:
    """The exit code of an error."""
    from application.ports import StoreHeld, StoreUnavailable, VersionConflict
    from domain.errors import InvalidDefinition, NotFound, NotJson, Refused, Unacceptable, Unavailable
    from interfaces.settings import BadSetting

    match error:
        case InvalidDefinition() | NotJson():
            return INVALID
        case NotFound():
            return NOT_FOUND
        case Unacceptable() if error.code in MISUSED:
            return USAGE
        case Refused() | Unacceptable() | VersionConflict():
            return CONFLICT
        case Unavailable() | StoreHeld() | StoreUnavailable():
            return UNAVAILABLE
        case BadSetting():
            return USAGE
        case _:
            return FAILED


def _advice(error: ClewError) -> str:
    from application.ports import StoreHeld

    return " With --url the command goes to the server." if isinstance(error, StoreHeld) else ""


def _close_stdout() -> None:
    """Nobody reads any more: what is still buffered would raise again when Python ends."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)
