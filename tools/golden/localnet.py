"""A CometBFT network of a few validators on loopback, with its built-in key-value application.

with Localnet(binary, directory, validators=4) as net:
    net.rpc("status"); net.wait_for_height(5); net.stop(3); net.send([b"key=value"])
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

from recording import rpc_at

_P2P_PORT, _RPC_PORT = 36656, 36657
_COMMIT_PAUSE = "400ms"
_DEADLINE_S = 60


class Localnet:
    """Nodes as child processes; node ``n`` listens on 127.0.1.``n + 1``."""

    def __init__(self, binary: Path, directory: Path, validators: int) -> None:
        self._binary = binary
        self._homes = [directory / f"node{n}" for n in range(validators)]
        command = ["testnet", "--v", str(validators), "--o", str(directory)]
        addresses = ["--starting-ip-address", "127.0.1.1", "--p2p-port", str(_P2P_PORT)]
        subprocess.run([binary, *command, *addresses], check=True, stdout=subprocess.DEVNULL)
        for n, home in enumerate(self._homes):
            self._configure(home / "config" / "config.toml", _host(n))
        self._nodes: list[subprocess.Popen[bytes]] = []
        self.rpc = rpc_at(f"http://{_host(0)}:{_RPC_PORT}")

    def __enter__(self) -> Localnet:
        for home in self._homes:
            with (home / "log").open("wb") as log:
                arguments = ["node", "--home", str(home), "--proxy_app", "kvstore"]
                node = subprocess.Popen([self._binary, *arguments], stdout=log, stderr=log)
            self._nodes.append(node)
        return self

    def __exit__(self, *_: object) -> None:
        for n in range(len(self._nodes)):
            self.stop(n)

    def stop(self, node: int) -> None:
        """End one node; its votes are absent from then on."""
        self._nodes[node].send_signal(signal.SIGTERM)
        self._nodes[node].wait(timeout=20)

    def height(self) -> int:
        """Newest height of node 0, 0 while it is starting."""
        try:
            return int(self.rpc("status")["sync_info"]["latest_block_height"])
        except OSError:
            return 0

    def wait_for_height(self, height: int) -> None:
        """Return once node 0 has ``height``; raise TimeoutError if that takes a minute."""
        deadline = time.monotonic() + _DEADLINE_S
        while self.height() < height:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no height {height}; see the log in {self._homes[0]}")
            time.sleep(0.05)

    def send(self, txs: list[bytes]) -> None:
        """Put transactions into the memory pool of node 0, at once, so that they share a block."""
        self.wait_for_height(self.height() + 1)
        for tx in txs:
            result = self.rpc("broadcast_tx_sync", tx="0x" + tx.hex())
            if result["code"]:
                raise ValueError(f"{tx!r} was refused: {result['log']}")

    @staticmethod
    def _configure(config: Path, host: str) -> None:
        text = config.read_text()
        for pattern, line in (
            (r'laddr = "tcp://127.0.0.1:26657"', f'laddr = "tcp://{host}:{_RPC_PORT}"'),
            (r'laddr = "tcp://0.0.0.0:\d+"', f'laddr = "tcp://{host}:{_P2P_PORT}"'),
            (r'timeout_commit = ".*"', f'timeout_commit = "{_COMMIT_PAUSE}"'),
            (r'timeout_propose = ".*"', 'timeout_propose = "500ms"'),
        ):
            text, count = re.subn(pattern, line, text)
            if count != 1:
                raise ValueError(f"{config}: {pattern} stands there {count} times; expected once")
        config.write_text(text)


def _host(node: int) -> str:
    return f"127.0.1.{node + 1}"
