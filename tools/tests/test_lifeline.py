"""A signal ends a run wherever its code is at that instant."""

import os
import signal
import subprocess
import sys
import time

import pytest

from truewatt.lifeline import Ended, unwinding_on_signals

_PATIENCE_S = 10


class Unlucky:
    """Gets its signal where an exception can't leave: Python drops what a finalizer raises."""

    def __init__(self, signum: int) -> None:
        self.signum = signum

    def __del__(self) -> None:
        os.kill(os.getpid(), self.signum)


def bury(unlucky: Unlucky) -> None:
    """Drop it, then wait for what comes of it."""
    del unlucky
    time.sleep(_PATIENCE_S)


def send_itself(signum: int) -> None:
    os.kill(os.getpid(), signum)
    time.sleep(_PATIENCE_S)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_a_signal_inside_a_finalizer_still_unwinds(signum):
    with pytest.raises(Ended) as ended, unwinding_on_signals():
        bury(Unlucky(signum))
    assert ended.value.signum == signum


def test_a_signal_at_the_instant_of_a_fork_still_unwinds():
    """Python drops what the hooks at a fork raise, too; a run forks for each of its parts."""
    program = """
import os, signal, subprocess, sys, time
from truewatt.lifeline import dies_with_us, unwinding_on_signals
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))
with unwinding_on_signals():
    subprocess.Popen(["/bin/true"], preexec_fn=dies_with_us()).wait()
    time.sleep(10)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")


def test_handlers_are_as_before_afterwards():
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
    hook = sys.unraisablehook
    with pytest.raises(Ended), unwinding_on_signals():
        send_itself(signal.SIGTERM)
    after = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
    assert (after, sys.unraisablehook) == (before, hook)
