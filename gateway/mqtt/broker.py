"""The embedded broker, as a process of its own: `python -m gateway.mqtt.broker HOST PORT [MB]`.

amqtt (MQTT 3.1.1), for small sites and the demo. It keeps nothing over a restart, and need not:
boards keep each record until its signed ack. It ends when its standard input does, so it never
outlives the gateway that started it. Anybody who reaches its port may use it: it listens on
loopback unless told otherwise, and whatever passes it is signed.

amqtt's queues have no bound (a client that does not read, one that retains, more than a gateway
takes): the process has one, and ends with `FULL` beyond it, for its gateway to start it again.
"""

import asyncio
import logging
import os
import sys
import time
import traceback
from pathlib import Path

from amqtt.adapters import StreamWriterAdapter
from amqtt.broker import Broker

from gateway.mqtt.broker_process import FULL, MEMORY_MB
from gateway.mqtt.gate import Gate

READY = "ready"
LISTENER = "default"

CLIENTS = 500
"""Connections at once: with what a process needs besides, below Linux's usual 1024 files."""

_LOOK_S = 0.5
_CLOSE_S = 5.0
_TOLD_S = 60.0
_LINE, _TRACE = 300, 1500
"""Characters of a message, and of the end of a traceback."""

log = logging.getLogger("gateway.mqtt.broker")


class Seldom(logging.Filter):
    """Lets what one place in the code says through once a minute, as a line: what clients make it.

    Anybody who may connect could fill a log otherwise, or write lines of his own into it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, int], float] = {}
        self._left: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to tell; how often it was not told stands at the end of the next."""
        place, now_s = (record.pathname, record.lineno), time.monotonic()
        if now_s - self._told.get(place, -_TOLD_S) < _TOLD_S:
            self._left[place] = self._left.get(place, 0) + 1
            return False
        self._told[place] = now_s
        text = _tame(record.getMessage()[:_LINE])
        if left := self._left.pop(place, 0):
            text += f" (and {left} like it since)"
        record.msg, record.args = text, ()
        if record.exc_info and (error := record.exc_info[1]) is not None:
            # Its message may be a client's words: one line of it too, the innermost calls.
            told = "".join(traceback.format_exception(error))
            record.exc_text = "... " + _tame(told.replace("\n", " | ")[-_TRACE:])
        return True


def _tame(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


class Listener:
    """Takes connections for amqtt: `CLIENTS`, and of those that sent no CONNECT the oldest goes."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._gates: dict[Gate, asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one client from its first byte to the end of its socket."""
        peer = writer.get_extra_info("peername") or ("?",)
        gate = Gate(reader, lambda reason: log.error("mqtt: %s: %s", peer[0], reason))
        if len(self._gates) >= CLIENTS and not self._make_room():
            log.error("mqtt: %s: %d clients are connected, no more are taken", peer[0], CLIENTS)
            writer.transport.abort()
            return
        self._gates[gate] = writer
        try:
            await self._broker.external_connected(gate, StreamWriterAdapter(writer), LISTENER)
        except Exception:
            # Whatever one client's packets make of amqtt ends that client alone.
            log.exception("mqtt: %s: amqtt failed", peer[0])
        finally:
            self._gates.pop(gate, None)
            # Of a client that does not read what is on its way to it, too.
            writer.close()
            asyncio.get_running_loop().call_later(_CLOSE_S, writer.transport.abort)

    def _make_room(self) -> bool:
        for gate, writer in self._gates.items():
            if not gate.connected:
                writer.transport.abort()
                del self._gates[gate]
                return True
        return False


def held_mb() -> int:
    """Memory of this process, resident, in MB (proc_pid_statm(5))."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


async def watch(most_mb: int) -> None:
    """Return once this process holds more."""
    while held_mb() <= most_mb:
        await asyncio.sleep(_LOOK_S)


def settings() -> dict[str, object]:
    """amqtt's configuration."""
    return {
        "listeners": {LISTENER: {"type": "external"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


async def serve(host: str, port: int, most_mb: int) -> None:
    """Serve until standard input ends; says `READY` once the port is open."""
    broker = Broker(settings())
    await broker.start()
    server = await asyncio.start_server(Listener(broker).serve, host, port)
    print(READY, flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    full = asyncio.ensure_future(watch(most_mb))
    await asyncio.wait({ended, full}, return_when=asyncio.FIRST_COMPLETED)
    if full.done():
        # Nothing that a tidy end would do is worth the memory that it takes.
        os._exit(FULL)
    full.cancel()
    server.close()
    await broker.shutdown()


def main(argv: list[str]) -> int:
    """Run it."""
    logging.basicConfig(level=logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
    asyncio.run(serve(argv[0], int(argv[1]), int(argv[2]) if len(argv) > 2 else MEMORY_MB))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
