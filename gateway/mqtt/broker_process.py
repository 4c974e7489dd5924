"""Keeps the embedded broker going: a child of the gateway, started again whenever it ends."""

import asyncio
import logging
import sys
from collections.abc import Callable

from gateway.collect.errors import CollectError
from gateway.mqtt.errors import BrokerDied, BrokerFull

log = logging.getLogger("gateway")

READY_S = 20.0
RESTART_FIRST_S, RESTART_MOST_S = 0.2, 10.0
GOOD_RUN_S = 30.0
"""A broker that lived this long is started again at once."""

MEMORY_MB = 192
"""What the broker may hold: an empty one has 30, one with 450 clients 57, one at its limit 101."""

FULL = 3
"""Its exit code beyond that. Here, not there: a gateway without one need not load amqtt."""

Report = Callable[[CollectError], None]


class BrokerProcess:
    """`run` until it is cancelled; the child ends with this process, even with a killed one."""

    def __init__(self, host: str, port: int, most_mb: int = MEMORY_MB) -> None:
        self._argv = [sys.executable, "-m", "gateway.mqtt.broker", host, str(port), str(most_mb)]
        self._most_mb = most_mb
        self._where = f"{host}:{port}"
        self.pid: int | None = None

    async def run(self, report: Report) -> None:
        """Start it, wait for its end, tell, and start it again."""
        loop, wait_s = asyncio.get_running_loop(), RESTART_FIRST_S
        while True:
            started_s = loop.time()
            code = await self._live()
            report(self._why(code))
            if loop.time() - started_s > GOOD_RUN_S:
                wait_s = RESTART_FIRST_S
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RESTART_MOST_S)

    def _why(self, code: int) -> CollectError:
        if code == FULL:
            text = f"the embedded broker held more than {self._most_mb} MB for its clients"
            return BrokerFull(text, self._where)
        return BrokerDied(f"the embedded broker ended with code {code}", self._where)

    async def _live(self) -> int:
        # Its standard input is a pipe from here: it ends when this process does, however it does.
        process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self.pid = process.pid
        try:
            assert process.stdout is not None
            async with asyncio.timeout(READY_S):
                if await process.stdout.readline():
                    log.info("mqtt: embedded broker on %s, process %d", self._where, process.pid)
            return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()
        finally:
            self.pid = None
            if process.returncode is None:
                process.kill()
                await process.wait()
