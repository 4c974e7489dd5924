"""The second RS-485 of a board, with a bought meter on it."""

from links.serial_port import SerialPort

_BUFFER_BYTES = 260


def open_port(metering: object) -> SerialPort:
    """The UART that `metering` (config.json) names."""
    import machine

    pins = {}
    for name in ("tx", "rx"):
        if getattr(metering, name) is not None:
            pins[name] = getattr(metering, name)
    uart = machine.UART(
        metering.uart,
        baudrate=metering.baud,
        parity=metering.parity,
        stop=metering.stop,
        txbuf=_BUFFER_BYTES,
        rxbuf=_BUFFER_BYTES,
        **pins,
    )
    de = None if metering.de is None else machine.Pin(metering.de, machine.Pin.OUT, value=0)
    return SerialPort(uart, metering.baud, de)
