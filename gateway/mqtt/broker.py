"""The embedded broker, as a process of its own: `python -m gateway.mqtt.broker HOST PORT`.

amqtt (MQTT 3.1.1), for small sites and the demo. It keeps nothing over a restart, and need not:
boards keep each record until its signed ack. It ends when its standard input does, so it never
outlives the gateway that started it. Anybody who reaches its port may use it: it listens on
loopback unless told otherwise, and whatever passes it is signed.
"""

import asyncio
import logging
import sys

from amqtt.broker import Broker

READY = "ready"


def settings(host: str, port: int) -> dict[str, object]:
    """amqtt's configuration."""
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": 500}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


async def serve(host: str, port: int) -> None:
    """Serve until standard input ends; says `READY` once the port is open."""
    broker = Broker(settings(host, port))
    await broker.start()
    print(READY, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await broker.shutdown()


def main(argv: list[str]) -> int:
    """Run it."""
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(argv[0], int(argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
