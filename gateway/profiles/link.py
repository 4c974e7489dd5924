"""A port with commercial meters behind it: Modbus RTU on a serial line, or Modbus TCP."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from gateway.collect.errors import CollectError, GarbledReply, NoReply, WrongReply
from gateway.profiles.errors import MeterRefused, PortLost, ProfileError

READ_HOLDING, READ_INPUT = 3, 4
MODBUS_TCP_PORT = 502
TRIES = 2
"""Requests before a failure counts: noise on a line hits single frames."""

_SILENT = "check the meter's power and address, baud rate and parity, and the A/B wires"

Client = AsyncModbusSerialClient | AsyncModbusTcpClient

# pymodbus logs each lost frame as an error; here they are named.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class BadPort(ProfileError):
    """A port that is neither a device nor tcp://HOST[:PORT]."""

    code = "bad_port"
    todo = "name a device such as /dev/ttyUSB0, or tcp://192.168.1.20:502"


@dataclass(frozen=True)
class PortConfig:
    """`port`: a serial device, or tcp://host[:port], for which the line's settings don't count."""

    port: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1
    timeout_ms: int = 1000


class MeterLink:
    """One open port. `pause_ms` is kept between the end of a reply and the next request."""

    def __init__(self, config: PortConfig, pause_ms: int = 0, tries: int = TRIES) -> None:
        self.config = config
        self.pause_ms = pause_ms
        self.requests = 0
        self._tries = tries
        self._client: Client | None = None
        self._received = 0
        self._asking = False
        self._opened_s = 0.0
        self._quiet_until_s = 0.0

    async def __aenter__(self) -> "MeterLink":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def open(self) -> None:
        """Open the port; raises `PortLost`, `BadPort`."""
        self.close()
        client = self._make_client()
        try:
            connected = await client.connect()
        except Exception as error:
            # pyserial lets termios errors through, which share no base with OSError.
            raise PortLost(str(error), self.config.port) from error
        if not connected:
            client.close()
            raise PortLost("the port can't be opened", self.config.port)
        self._client = client
        self._opened_s = asyncio.get_running_loop().time()

    def close(self) -> None:
        """Close the port."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(self, function: int, address: int, first: int, count: int) -> list[int]:
        """`count` words from `first` on of the meter at `address`, by FC03 or FC04.

        Raises `NoReply`, `GarbledReply`, `WrongReply`, `MeterRefused`, `PortLost`.
        """

        def ask(client: Client) -> Awaitable[ModbusPDU]:
            read = client.read_input_registers
            if function == READ_HOLDING:
                read = client.read_holding_registers
            return read(first, count=count, device_id=address)

        where = f"{self.config.port} address {address}"
        for number in range(self._tries):
            try:
                words = await self._once(ask, where, function, count)
            except (NoReply, GarbledReply, WrongReply):
                self._fall_silent(self.config.timeout_ms)
                if number == self._tries - 1:
                    raise
            else:
                if number:
                    self._fall_silent(self.config.timeout_ms)
                return words
        raise AssertionError("unreachable")

    async def _once(
        self, ask: Callable[[Client], Awaitable[ModbusPDU]], where: str, function: int, count: int
    ) -> list[int]:
        client = self._client
        if client is None or not client.connected:
            raise PortLost("the port is gone", self.config.port)
        await self._pause()
        self._received, self._asking = 0, True
        self.requests += 1
        try:
            reply = await ask(client)
        except ConnectionException as error:
            raise PortLost(str(error), self.config.port) from error
        except ModbusException as error:
            raise self._unanswered(client, where) from error
        finally:
            self._asking = False
            self._fall_silent(self.pause_ms)
        return _words(reply, where, function, count)

    async def _pause(self) -> None:
        loop = asyncio.get_running_loop()
        # Another program may have asked the meter just before this port was opened.
        first_s = self._opened_s + self.pause_ms / 1000
        while (wait_s := max(first_s, self._quiet_until_s) - loop.time()) > 0:
            await asyncio.sleep(wait_s)

    def _fall_silent(self, silence_ms: int) -> None:
        """Ask nothing for so long; what arrives meanwhile is dropped.

        A late reply must not answer the next question, and RTU has no transaction number that
        would tell: after a failure a whole time-out has to pass, as the first reply may still come.
        """
        now_s = asyncio.get_running_loop().time()
        self._quiet_until_s = max(self._quiet_until_s, now_s + silence_ms / 1000)

    def _unanswered(self, client: Client, where: str) -> CollectError:
        if not client.connected:
            return PortLost("the port went away", self.config.port)
        if self._received:
            return GarbledReply(f"{self._received} bytes without a whole reply in them", where)
        return NoReply(f"nothing within {self.config.timeout_ms} ms", where, _SILENT)

    def _make_client(self) -> Client:
        config, timeout_s = self.config, self.config.timeout_ms / 1000
        if "://" in config.port:
            host, port = tcp_address(config.port)
            return AsyncModbusTcpClient(
                host,
                port=port,
                timeout=timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._trace,
            )
        return AsyncModbusSerialClient(
            config.port,
            baudrate=config.baud,
            parity=config.parity,
            stopbits=config.stop_bits,
            timeout=timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._trace,
        )

    def _trace(self, sending: bool, data: bytes) -> bytes:
        if sending:
            return data
        if not self._asking:
            return b""
        self._received = len(data)
        return data


def tcp_address(port: str) -> tuple[str, int]:
    """Host and port of `tcp://host[:port]`; raises `BadPort`."""
    try:
        parts = urlsplit(port)
        host, number = parts.hostname, parts.port
    except ValueError:
        host, number = None, None
    else:
        host = host if parts.scheme == "tcp" and not parts.path.strip("/") else None
    if not host:
        raise BadPort("not an address of Modbus TCP", port)
    return host, number or MODBUS_TCP_PORT


def _words(reply: ModbusPDU, where: str, function: int, count: int) -> list[int]:
    if reply.function_code == function | 0x80:
        code = int(getattr(reply, "exception_code", 0))
        raise MeterRefused(f"exception {code} to function {function}", where, code)
    if reply.function_code != function or len(reply.registers) != count:
        found = f"function {reply.function_code} with {len(reply.registers)} registers"
        raise WrongReply(found, where)
    return list(reply.registers)
