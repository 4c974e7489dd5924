"""Ties processes to whoever started them, so that a run leaves nothing behind, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_AGAIN_S = 0.01


class Ended(SystemExit):
    """A signal asked this process to end; unwinds it, and is its exit code as in a shell."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def dies_with_us() -> Callable[[], None] | None:
    """`preexec_fn` of a child that gets SIGKILL when the thread that starts it ends.

    The kernel does it, so it holds for a SIGKILL of ours too. Only Linux can; None elsewhere.
    """
    if not sys.platform.startswith("linux"):
        return None
    # Loaded before the fork: between fork and exec is no place to open a library.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            # It ended before the kernel knew of the tie.
            os.kill(os.getpid(), signal.SIGKILL)

    return tie


@contextmanager
def unwinding_on_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP unwind the main thread as ^C does: raises `Ended` in it.

    What is ignored already (SIGHUP under nohup) stays so. The first signal is enough: what comes
    while cleaning up does not cut the cleaning short.
    """

    def end(signum: int, _: FrameType | None) -> None:
        for other in taken:
            signal.signal(other, signal.SIG_IGN)
        raise Ended(signum)

    def again(lost: sys.UnraisableHookArgs) -> None:
        """Raised where nothing can be: in a finalizer, or a hook that runs at a fork."""
        if not isinstance(lost.exc_value, Ended):
            unraisable(lost)
            return
        signum, main = lost.exc_value.signum, threading.main_thread().ident
        signal.signal(signum, end)
        # Later, as whatever called this hook loses what is raised in it too.
        threading.Timer(_AGAIN_S, signal.pthread_kill, (main, signum)).start()

    taken = {s: h for s in _ENDINGS if (h := signal.getsignal(s)) != signal.SIG_IGN}
    unraisable, sys.unraisablehook = sys.unraisablehook, again
    for signum in taken:
        signal.signal(signum, end)
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        for signum, handler in taken.items():
            signal.signal(signum, handler)
