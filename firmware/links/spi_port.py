"""Registers of a chip on SPI: 16-bit address, 16-bit data, one transaction each."""

import struct

_HZ = 200000
READ = 0x8000
"""The top bit of an address asks for its value."""


class SpiLink:
    """`spi` is a `machine.SPI`, `cs` an output that is high between transactions."""

    def __init__(self, spi: object, cs: object) -> None:
        self._spi = spi
        self._cs = cs
        self._frame = bytearray(4)

    def read(self, address: int) -> int:
        """The register's value, unsigned."""
        return self._transfer(READ | address, 0)

    def write(self, address: int, value: int) -> None:
        """Set the register."""
        self._transfer(address, value)

    def _transfer(self, address: int, value: int) -> int:
        frame = self._frame
        struct.pack_into(">HH", frame, 0, address, value)
        self._cs.value(0)
        try:
            self._spi.write_readinto(frame, frame)
        finally:
            self._cs.value(1)
        return struct.unpack_from(">H", frame, 2)[0]


def open_port(metering: object) -> SpiLink:
    """The SPI that `metering` (config.json) names."""
    import machine

    pins: dict = {}
    for name in ("sck", "mosi", "miso"):
        number = getattr(metering, name)
        if number is not None:
            pins[name] = machine.Pin(number)
    # Mode 3: the clock rests high, data are taken at its second edge.
    spi = machine.SPI(metering.spi, baudrate=_HZ, polarity=1, phase=1, **pins)
    return SpiLink(spi, machine.Pin(metering.cs, machine.Pin.OUT, value=1))
