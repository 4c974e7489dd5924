"""However a run ends, nothing of it goes on: no board that switches, no port that stays taken."""

import signal
from pathlib import Path

import pytest
from demo_run import processes_of, started, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

OPTIONS = ("--meters", "1", "--minutes", "5", "--seed", "3")
# The run itself, the rig, the ledger, the gateway, an M-LMD and a meter.
ALL_PARTS = 6
INTERRUPTED = 130


@pytest.mark.parametrize(
    ("how", "returncode"),
    [
        (signal.SIGINT, INTERRUPTED),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_signal_to_the_run_ends_every_part(
    how: signal.Signals, returncode: int, tmp_path: Path
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    with started(run, *OPTIONS, log=log) as process:
        wait_until(
            lambda: process.poll() is not None or len(processes_of(run)) == ALL_PARTS,
            "all parts to run",
        )
        assert process.poll() is None, log.read_text()
        process.send_signal(how)
        assert process.wait(30) == returncode, log.read_text()
        # Who was sent SIGKILL still has to be buried; the kernel takes its time for that.
        wait_until(lambda: not processes_of(run), "every part to end", 5)
    said = log.read_text()
    assert "Traceback" not in said
