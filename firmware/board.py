"""Makes the machine objects that a configuration asks for; the only place that does.

Everything else gets them handed in, so that nothing touches hardware at import and the same code
runs on any board.
"""

import machine
from esp32 import NVS

from core.nvs import NAMESPACE, Store
from core.restart import BROWN_OUT, closed_at_start

_BUS_BUFFER_BYTES = 600
_METERING_BUFFER_BYTES = 64
_BROWN_OUT_CODE = 15

reset = machine.reset
"""Start the board anew. The port's own function: it outlasts this module."""


def open_store() -> Store:
    """The board's persistent values."""
    return Store(NVS(NAMESPACE))


class Board:
    """Machine objects of one board. Its relay pins are driven from the constructor on.

    `held_open` are the numbers of relays that protection keeps open over this start.
    """

    def __init__(self, config: object, store: Store, held_open: tuple = ()) -> None:
        self.reset_cause = machine.reset_cause()
        register = config.reset_register
        if register is not None and self.reset_cause != machine.SOFT_RESET:
            # To the port a brown-out is a watchdog's reset; the chip itself knows better.
            if machine.mem32[register] & 0x1F == _BROWN_OUT_CODE:
                self.reset_cause = BROWN_OUT
        self._inputs = {name: _input(pin) for name, pin in config.inputs.items()}
        lockout = self._inputs.get("lockout")
        if lockout is not None and not lockout.value():
            held_open = tuple(range(len(config.relays)))
        closed = closed_at_start(config, self.reset_cause, held_open)
        # The level comes with the direction: no pin is driven elsewhere even for a moment.
        self.relay_pins = [
            machine.Pin(relay.pin, machine.Pin.OUT, value=1 if on == relay.active_high else 0)
            for relay, on in zip(config.relays, closed)
        ]
        # What enables parts of the board itself, such as its transceiver.
        for pin in config.high:
            machine.Pin(pin, machine.Pin.OUT, value=1)
        self.store = store
        self._station = None
        self._config = config

    def watchdog(self) -> "machine.WDT | None":
        """Start the watchdog: from here on it must be fed."""
        timeout_ms = self._config.wdt_ms
        return machine.WDT(timeout=timeout_ms) if timeout_ms else None

    def bus_port(self) -> object:
        """The RS-485 bus, a `links.serial_port.SerialPort`."""
        bus = self._config.bus
        de = None if bus.de is None else machine.Pin(bus.de, machine.Pin.OUT, value=0)
        return _serial_port(_uart(bus, _BUS_BUFFER_BYTES), bus.baud, de)

    def station(self) -> object:
        """The radio, a `network.WLAN` as a station; one for all that use it."""
        if self._station is None:
            import network

            self._station = network.WLAN(network.WLAN.IF_STA)
        return self._station

    def bluetooth(self) -> object:
        """The module of the BLE radio, which no other part of the firmware imports."""
        import bluetooth

        return bluetooth

    def metering_port(self) -> object:
        """What the metering modules hang on: a `SerialPort`, or what `links.*_port` opens."""
        metering = self._config.metering
        if metering.port is not None:
            module = __import__("links.%s_port" % metering.port, None, None, ("open_port",))
            return module.open_port(metering)
        uart = _uart(metering, _METERING_BUFFER_BYTES, metering.parity)
        return _serial_port(uart, metering.baud)

    def inputs(self) -> dict:
        """Name (core.inputs) -> pin, of what the configuration has."""
        return self._inputs

    def senses(self) -> list:
        """Of each relay, the input that is low while its load has voltage, or None."""
        return [
            None if relay.sense is None else _input(relay.sense) for relay in self._config.relays
        ]

    def reset_button(self) -> "machine.Pin | None":
        """The M-LMD's lock-out reset, to ground."""
        pin = self._config.breaker.reset_pin
        return None if pin is None else _input(pin)


def _serial_port(uart: object, baud: int, de: object = None) -> object:
    # Not every board has a serial line.
    from links.serial_port import SerialPort

    return SerialPort(uart, baud, de)


def _input(pin: int) -> "machine.Pin":
    return machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)


def _uart(serial: object, buffer_bytes: int, parity: "int | None" = None) -> "machine.UART":
    pins = {}
    if serial.tx is not None:
        pins["tx"] = serial.tx
    if serial.rx is not None:
        pins["rx"] = serial.rx
    return machine.UART(
        serial.uart,
        baudrate=serial.baud,
        parity=parity,
        txbuf=buffer_bytes,
        rxbuf=buffer_bytes,
        **pins,
    )
