"""A message bus of our own, with nobody on it but who is told its address."""

import contextlib
import subprocess
from pathlib import Path

from truewatt.lifeline import dies_with_us
from truewatt.toolchain import debian_tool
from truewatt.toolchain.errors import ToolchainError

_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""


class DBusDaemon:
    """`with DBusDaemon(folder) as address`; programs take it as DBUS_SYSTEM_BUS_ADDRESS.

    `folder` must have a short path: a Unix socket's has 107 bytes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> str:
        config = self._folder / "bus.conf"
        self._log = (self._folder / "bus.log").open("w")
        config.write_text(_CONFIG.format(folder=self._folder.absolute()))
        self._process = subprocess.Popen(
            [
                *debian_tool("dbus-daemon"),
                f"--config-file={config}",
                "--nofork",
                "--print-address",
            ],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            stderr=self._log,
            text=True,
            preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
        )
        assert self._process.stdout is not None
        address = self._process.stdout.readline().strip()
        if not address:
            raise ToolchainError("dbus-daemon did not start", str(config), "See bus.log beside it.")
        return address

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._log.close()
