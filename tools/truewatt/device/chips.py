"""What each chip is called, runs, and can't do. Sources: Espressif's datasheets, section "Pins"."""

from dataclasses import dataclass

UART, RS485, WIFI, BLE = "uart", "rs485", "wifi", "ble"


@dataclass(frozen=True)
class Chip:
    """`word`: what `sys.implementation._machine` ends with; `march`: mpy-cross's; `flash_offset`:
    where esptool writes MicroPython; `reset_register`: where the chip keeps why it was reset
    (ESP-IDF, soc/rtc_cntl_reg.h and soc/lp_clkrst_reg.h), by which a brown-out is told.

    Pins: all that the package brings out; `flash` ones belong to the flash chip, `input_only` ones
    drive nothing, `strapping` ones decide how the chip boots, so that no relay may hang on them;
    `console` ones are the cable's.
    """

    name: str
    word: str
    march: str
    uarts: tuple[int, ...]
    pins: frozenset[int]
    flash: frozenset[int] = frozenset()
    input_only: frozenset[int] = frozenset()
    strapping: frozenset[int] = frozenset()
    console: frozenset[int] = frozenset()
    flash_offset: int = 0
    radios: frozenset[str] = frozenset({WIFI, BLE})
    ble_beside_wifi: bool = True
    reset_register: int | None = None
    counters: bool = True
    """Whether it counts pulses in hardware (PCNT; ESP-IDF, soc_caps.h)."""


def _span(*spans: tuple[int, int]) -> frozenset[int]:
    return frozenset(pin for low, high in spans for pin in range(low, high + 1))


_ESP32 = Chip(
    "esp32",
    "ESP32",
    "xtensawin",
    (1, 2),
    _span((0, 19), (21, 23), (25, 27), (32, 39)),
    flash=_span((6, 11)),
    input_only=_span((34, 39)),
    strapping=frozenset({0, 2, 5, 12, 15}),
    console=frozenset({1, 3}),
    flash_offset=0x1000,
    reset_register=0x3FF48034,
)
_S3 = Chip(
    "esp32s3",
    "ESP32S3",
    "xtensawin",
    (1, 2),
    _span((0, 21), (26, 48)),
    # 33-37 too: modules with octal flash or PSRAM use them.
    flash=_span((26, 37)),
    strapping=frozenset({0, 3, 45, 46}),
    console=frozenset({19, 20, 43, 44}),
    reset_register=0x60008038,
)
_C3 = Chip(
    "esp32c3",
    "ESP32C3",
    "rv32imc",
    # UART 0 is the console's.
    (1,),
    _span((0, 21)),
    flash=_span((11, 17)),
    strapping=frozenset({2, 8, 9}),
    console=frozenset({18, 19, 20, 21}),
    # Both run out of memory together (micropython/micropython#18859).
    ble_beside_wifi=False,
    reset_register=0x60008038,
    counters=False,
)
_C6 = Chip(
    "esp32c6",
    "ESP32C6",
    "rv32imc",
    (1,),
    _span((0, 23)),
    flash=_span((24, 30)),
    strapping=frozenset({4, 5, 8, 9, 15}),
    console=frozenset({12, 13, 16, 17}),
    ble_beside_wifi=False,
    reset_register=0x600B0410,
)
# The emulator's boards, which load the machine code of the computer that they run on.
_EMULATED = tuple(
    Chip(
        f"emulated-{march}",
        f"EMULATED-{march}",
        march,
        (1, 2),
        _span((0, 48)),
        reset_register=0x3FF48034,
    )
    for march in ("x86", "x64", "armv7emdp")
)

CHIPS = {chip.name: chip for chip in (_ESP32, _S3, _C3, _C6, *_EMULATED)}


def chip_of(machine: str) -> Chip | None:
    """The chip of a board whose MicroPython says it is `machine` ("... with ESP32C3")."""
    word = machine.rpartition(" with ")[2].strip()
    return next((chip for chip in CHIPS.values() if chip.word == word), None)
