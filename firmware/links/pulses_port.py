"""Pins that count pulses: inputs with the chip's pull-up, which S0 outputs pull to ground."""


def open_port(metering: object) -> list:
    """The pins that `metering` (config.json) names."""
    import machine

    return [machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP) for pin in metering.pins]
