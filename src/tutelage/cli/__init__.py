"""The command line. Every error of ours is one line on standard error and exit code 2; Ctrl-C is one line and 130."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
from _thread import interrupt_main
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from cyclopts import CycloptsError, UnusedCliTokensError

from tutelage.cli import commands, reproduction  # noqa: F401 - they register with the application
from tutelage.cli.application import app

__all__ = ["app", "main"]

USAGE, INTERRUPTED = 2, 130
AGAIN = 0.2  # seconds until a Ctrl-C that was lost is sent once more
_lost: list[object] = []  # where such were lost


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; without tokens, as a process of its own, which then ends."""
    if tokens is None:
        gc.set_threshold(1_000_000)  # a tenth of a small run went into looking for garbage among imports
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # replicas are what runs in parallel here
        warnings.showwarning = _warn
        sys.unraisablehook = _not_raised
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
        return _fail(_usage(error))
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stdout = None  # whoever read our output has left
        return USAGE
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else USAGE
    except Exception as error:
        if _lost:  # what compiles stumbles over what it did not get
            return _fail("interrupted", INTERRUPTED)
        sentence = _sentence(error)
        if sentence is None:
            raise
        return _fail(sentence)
    return 0


def _not_raised(event: sys.UnraisableHookArgs) -> None:
    """Send a Ctrl-C once more that fell into a callback of the compiler, where Python drops it with a traceback."""
    if issubclass(event.exc_type, Exception):
        sys.__unraisablehook__(event)
        return
    _lost.append(event.object)
    main_thread = threading.main_thread().ident or 0
    send = (
        partial(signal.pthread_kill, main_thread, signal.SIGINT) if hasattr(signal, "pthread_kill") else interrupt_main
    )
    timer = threading.Timer(AGAIN, send)
    timer.daemon = True
    timer.start()


def _usage(error: CycloptsError) -> str:
    """Return what is wrong with how a command was called, and where its help is."""
    command = " ".join(["tutelage", *(error.command_chain or ())])
    what = str(error)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        given = "' '".join(error.unused_tokens)
        what = f"`{command}` does not take '{given}'; leave it out."
    return f"{what} (see {command} --help)"


def _sentence(error: Exception) -> str | None:
    """Return what to say about an error that is not a bug of ours; None for one that is."""
    from tutelage.errors import ArgumentError, DivergenceError

    if isinstance(error, (ArgumentError, DivergenceError)):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        remedy = "" if "pip install" in str(error) else "; pip install 'tutelage[images]' installs all that is optional"
        return f"{error}{remedy}"
    if isinstance(error, OSError):
        if not (error.filename and error.strerror):
            return str(error)
        folder = Path(os.fsdecode(error.filename)).parent
        absent = isinstance(error, FileNotFoundError) and not folder.exists()
        return f"{error.filename}: {error.strerror}" + (f"; there is no folder {folder}." if absent else "")
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
