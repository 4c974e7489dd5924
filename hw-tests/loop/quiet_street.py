"""One home's meter and its M-LMD in the world; their bus is left to the test."""

from pathlib import Path

from demo_run import wait_until

from truewatt.demo import site
from truewatt.demo.runner import Run
from truewatt.demo.scenario import Scenario, plan_homes
from truewatt.emulator.rig_control import ask_rig

SPEED = 20.0
METER, MLMD = 11, 1
"""Bus addresses."""


class Street:
    """The parts of a run without ledger and gateway."""

    def __init__(self, folder: Path) -> None:
        scenario = Scenario(4, 1.0, SPEED, plan_homes(4, 1), start_min=17 * 60)
        built = site.build(folder / "run", scenario, 1, lambda text: None)
        self.parts = Run(built, lambda text: None).supervisor.parts
        self.port = str(built.run_dir / "rig" / "tty" / scenario.sections[0].bus)
        self.enrolments = built.enrolments
        self._control = built.run_dir / "rig" / "control.sock"
        self._ready = built.run_dir / "rig" / "ready"

    def start(self) -> None:
        self.parts["rig"].start()
        wait_until(self._ready.exists, "the rig")
        for name in ("x1", "m1"):
            self.parts[name].start()

    def stop(self) -> None:
        for part in self.parts.values():
            part.kill()

    def physics(self, board: str) -> dict[str, dict[str, float]]:
        """Voltage, power and energy of each channel of a board, as they really are."""
        status = ask_rig(self._control, cmd="status")
        channels: dict[str, dict[str, float]] = status["boards"][board]["channels"]
        return channels
