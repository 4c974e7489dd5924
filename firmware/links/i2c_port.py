"""Registers of a chip on I2C: 16-bit address, values of 1 to 4 bytes, most significant first."""

_HZ = 100000
_ADDRESS = 0x38
"""An ADE7953's: it has no other."""


class I2cLink:
    """`i2c` is a `machine.I2C`, `address` the chip's own. Methods raise `OSError`: no answer."""

    def __init__(self, i2c: object, address: int) -> None:
        self._i2c = i2c
        self._address = address

    def read(self, register: int, size: int) -> int:
        """The register's value, unsigned."""
        data = self._i2c.readfrom_mem(self._address, register, size, addrsize=16)
        return int.from_bytes(data, "big")

    def write(self, register: int, value: int, size: int) -> None:
        """Set the register."""
        data = value.to_bytes(size, "big")
        self._i2c.writeto_mem(self._address, register, data, addrsize=16)


def open_port(metering: object) -> I2cLink:
    """The I2C that `metering` (config.json) names."""
    import machine

    scl, sda = machine.Pin(metering.scl), machine.Pin(metering.sda)
    return I2cLink(machine.I2C(metering.i2c, scl=scl, sda=sda, freq=_HZ), _ADDRESS)
