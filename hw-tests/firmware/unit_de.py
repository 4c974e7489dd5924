"""The driver-enable pin of an RS-485 transceiver: up before the first bit, down with the last."""

import asyncio
import time

from board_fakes import expect

from links.serial_port import SerialPort

BAUD = 9600
SLICE_MS = 5


class Pin:
    def __init__(self):
        self.level = 0

    def value(self, level=None):
        if level is not None:
            self.level = level
        return self.level


class Uart:
    """Sends at `BAUD`, 8N1; takes 100 bytes at a time, as a full buffer would."""

    def __init__(self, pin):
        self.pin = pin
        self.early = False
        self.end_us = time.ticks_us()

    def write(self, data):
        self.early = self.early or not self.pin.level
        now, count = time.ticks_us(), min(len(data), 100)
        if time.ticks_diff(self.end_us, now) < 0:
            self.end_us = now
        self.end_us = time.ticks_add(self.end_us, count * 10000000 // BAUD)
        return count

    def txdone(self):
        return time.ticks_diff(self.end_us, time.ticks_us()) <= 0

    def flush(self):
        while not self.txdone():
            pass

    def any(self):
        return 0

    def ioctl(self, request, arg):
        return 0


class Hog:
    """Another task with slices as long as a board's longest; it notes who holds the line."""

    def __init__(self, uart, pin):
        self.uart, self.pin = uart, pin
        self.held_on = self.slices = 0

    async def run(self):
        while True:
            if self.pin.level and self.uart.txdone():
                self.held_on += 1
            self.slices += 1
            start = time.ticks_ms()
            while time.ticks_diff(time.ticks_ms(), start) < SLICE_MS:
                pass
            await asyncio.sleep_ms(0)


async def main():
    pin = Pin()
    uart = Uart(pin)
    port = SerialPort(uart, BAUD, pin)
    hog = Hog(uart, pin)
    task = asyncio.create_task(hog.run())
    for size in (1, 7, 8, 69, 197, 249):
        await port.write(bytes(size))
        expect("the last bit of %d bytes was out" % size, uart.txdone(), True)
        expect("the driver is off after it", pin.level, 0)
    task.cancel()
    expect("the driver was on before the first bit", uart.early, False)
    expect("others ran meanwhile", hog.slices > 20, True)
    expect("the driver never outlasted the frame by another's slice", hog.held_on, 0)


asyncio.run(main())
print("ok")
