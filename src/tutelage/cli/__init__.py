"""The command line. Every error of ours is one line on standard error and exit code 2; Ctrl-C is one line and 130."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from cyclopts import CycloptsError

from tutelage.cli import commands, reproduction  # noqa: F401 - they register with the application
from tutelage.cli.application import app

__all__ = ["app", "main"]

USAGE, INTERRUPTED = 2, 130


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; without tokens, as a process of its own, which then ends."""
    if tokens is None:
        gc.set_threshold(1_000_000)  # a tenth of a small run went into looking for garbage among imports
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # replicas are what runs in parallel here
        warnings.showwarning = _warn
        _leave(_dispatch(None))
    return _dispatch(tokens)


def _leave(code: int) -> NoReturn:
    """End the process at once: every file is closed, and taking the libraries down takes as long as loading them."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


def _dispatch(tokens: Sequence[str] | None) -> int:
    """Run the command that `tokens`, by default those of the process, ask for."""
    try:
        command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
        command(*bound.args, **bound.kwargs)
    except CycloptsError as error:
        return _fail(f"{error} (see tutelage --help)")
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stdout = None  # whoever read our output has left
        return USAGE
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else USAGE
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        return _fail(sentence)
    return 0


def _sentence(error: Exception) -> str | None:
    """Return what to say about an error that is not a bug of ours; None for one that is."""
    from tutelage.errors import ArgumentError, DivergenceError

    if isinstance(error, (ArgumentError, DivergenceError)):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        remedy = "" if "pip install" in str(error) else "; pip install 'tutelage[images]' installs all that is optional"
        return f"{error}{remedy}"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}" if str(error) else "not enough memory"
    return None


def _fail(message: str, code: int = USAGE) -> int:
    """Print one line to standard error."""
    print("tutelage: " + " ".join(message.split()), file=sys.stderr)
    return code


def _warn(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Print a warning as one line, without where in the code it arose."""
    print("tutelage: warning: " + " ".join(str(message).split()), file=sys.stderr)
