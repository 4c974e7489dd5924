"""`metering` of a bought meter on RS-485: its line, and its registers (`metering.meter`).

`truewatt device provision --meter-profile NAME` writes them from the gateway's profile of that
name: the board reads and scales as the gateway would. Unloaded with `core.config`.
"""

from core.config import serial
from core.errors import ConfigError
from core.settings import Settings

QUANTITIES = (
    "voltage",
    "current_1",
    "current_2",
    "current_3",
    "power",
    "reactive",
    "frequency",
    "import",
    "export",
)
WORDS = {"u16": 1, "s16": 1, "u32": 2, "s32": 2, "float32": 2, "u64": 4, "s64": 4}
_MOST_BLOCK_WORDS = 125
_MOST = 0x7FFFFFFF
_PARITIES = {"none": None, "even": 0, "odd": 1}  # as machine.UART takes them


def read(fields: object) -> tuple:
    """The second RS-485, and the meter on it; as `core.config` has it."""
    metering = serial(fields)
    metering.timeout_ms = fields.number("timeout_ms", 50, 60000, 500)
    metering.parity = fields.choice("parity", _PARITIES, None)
    metering.stop = fields.number("stop", 1, 2, 1)
    metering.de = fields.number("de", 0, 48, None)
    metering.meter = meter = _meter(fields.child("meter"))
    return metering, (meter.direction, 247), _facts(meter)


def _meter(fields: object) -> Settings:
    meter = Settings()
    meter.model = fields.text("model", 32)
    meter.function = fields.number("function", 3, 4)
    meter.low_word_first = fields.flag("low_word_first", False)
    meter.low_byte_first = fields.flag("low_byte_first", False)
    meter.sentinel = fields.flag("sentinel", False)
    meter.direction = fields.flag("direction", False)
    meter.pause_ms = fields.number("pause_ms", 0, 5000, 0)
    meter.max_w = fields.number("max_w", 1, 100000000)
    meter.step_wh = fields.number("step_wh", 1, 1000000, 10)
    meter.wrap_wh = fields.number("wrap_wh", 1, _MOST, None)
    meter.blocks = _blocks(fields)
    meter.registers = _registers(fields.child("registers"), meter.blocks)
    fields.done()
    if "import" not in meter.registers or "power" not in meter.registers:
        raise ConfigError(fields.name("registers"), "power and import at least")
    if meter.direction != ("export" in meter.registers):
        raise ConfigError(fields.name("direction"), "true with a register of export, else false")
    return meter


def _facts(meter: Settings) -> list:
    """What decides what a Wh is."""
    facts = [meter.model, meter.function, meter.low_word_first, meter.low_byte_first]
    facts += [meter.sentinel, meter.wrap_wh]
    for name in sorted(meter.registers):
        facts.append(name)
        facts.extend(meter.registers[name])
    return facts


def _blocks(fields: object) -> "list[list[int]]":
    value = fields.take("blocks")
    good = isinstance(value, list) and 1 <= len(value) <= 8
    for block in value if good else ():
        good = good and isinstance(block, list) and len(block) == 2 and _whole(block, 65535)
        good = good and 1 <= block[1] <= _MOST_BLOCK_WORDS
    if not good:
        raise ConfigError(fields.name("blocks"), "1 to 8 of [first, words up to 125]")
    return value


def _registers(fields: object, blocks: list) -> dict:
    """Name -> (address, type, numerator, denominator): raw x numerator / denominator."""
    registers = {}
    for name in QUANTITIES:
        value = fields.take(name, None)
        if value is None:
            continue
        good = isinstance(value, list) and len(value) == 4 and value[1] in WORDS
        good = good and _whole([value[0], value[2], value[3]], _MOST) and value[2] and value[3]
        if not good:
            raise ConfigError(fields.name(name), "[address, type, numerator, denominator]")
        end = value[0] + WORDS[value[1]]
        if not any(first <= value[0] and end <= first + count for first, count in blocks):
            raise ConfigError(fields.name(name), "within one block")
        registers[name] = tuple(value)
    fields.done()
    return registers


def _whole(values: list, most: int) -> bool:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            return False
    return True
