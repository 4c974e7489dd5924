"""SIGKILL at random instants: flash and NVS are left as a power cut may leave them."""

import json
import random
import time
from collections.abc import Callable

SEED = 20
CUTS = 12

# Writes NVS pairs and flash lines with the same number, in this order, as fast as it can.
PROGRAM = """
import esp32, os
nvs = esp32.NVS("pair")
try:
    n = nvs.get_i32("a")
except OSError:
    n = 0
log = open("/log", "a")
print("up")
while True:
    n += 1
    nvs.set_i32("a", n)
    nvs.set_blob("b", b"%d" % n)
    nvs.commit()
    log.write("%d\\n" % n)
    log.flush()
"""

INSPECT = """
import esp32, json, os
nvs = esp32.NVS("pair"); buffer = bytearray(20)
a = nvs.get_i32("a"); b = int(bytes(buffer[:nvs.get_blob("b", buffer)]))
with open("/log") as file:
    lines = [int(line) for line in file]
with open("/written-after", "w") as file:
    file.write("yes")
print(json.dumps([a, b, lines[-1], lines == sorted(lines) and len(set(lines)) == len(lines)]))
"""


def test_no_cut_tears_a_value_or_loses_what_was_flushed(
    make_board: Callable, wait_until: Callable
) -> None:
    board = make_board(PROGRAM)
    chance = random.Random(SEED)
    last = 0
    for _ in range(CUTS):
        board.log_path.unlink(missing_ok=True)
        board.start()
        wait_until(lambda: "up" in board.log_path.read_text(), "the board")
        time.sleep(chance.uniform(0.0, 0.15))
        board.kill()
        a, b, flushed, in_order = json.loads(board.execute(INSPECT))
        # A chip writes one value after the other: killed between the two at worst.
        assert b in (a, a - 1)
        # Killed before the flush at worst.
        assert flushed in (a, a - 1)
        assert a >= last
        assert in_order, "no line comes twice or out of order"
        last = a
    assert last > CUTS, "the board hardly wrote anything"
