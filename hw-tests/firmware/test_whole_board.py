"""The whole firmware on an emulated board: from a signed reading to a relay, and power cuts."""

import random
import struct
import time

from workbench import FAR_S, NOW_S, started, wait_for

from wireformat import codes, identity, modbus_map

BOOT, READING, FEEDER, EVENT, OUTCOME = 0, 1, 4, 5, 7


def events(records) -> list[int]:
    return [record.kind for code, record, _ in records if code == EVENT]


def check_chain(records) -> None:
    """(epoch, seq) grows, each record names the one before it."""
    prev = None
    keys = [(record.epoch, record.seq) for _, record, _ in records]
    assert keys == sorted(set(keys))
    for _, record, data in records:
        assert prev is None or record.prev == prev
        prev = identity.prev_hash(data)


def test_the_loop(workbench):
    bench = started(workbench())
    records = wait_for(bench, lambda found: len(found) >= 4)
    assert records[0][1].kind == codes.EV_BOOT
    assert records[0][1].prev == identity.GENESIS_PREV
    reading = records[-1][1]
    assert reading.channels == [[5000, 0, 1000, 1000, 9], [0, 700, -460, 460, 14]]
    assert (reading.voltage_dv, reading.max_ma) == (2300, 4348)
    assert reading.time_s % 2 == 0
    assert not reading.flags & codes.CLOCK_UNTRUSTED

    # The contract opens the water heater; the board proves it by what it reads back.
    assert bench.status()["relays"] == 1
    order = bench.command(1, codes.OPEN)
    assert bench.put(order, bench.authority) == (codes.INBOX_ACCEPTED, codes.R_NONE)
    assert bench.status()["relays"] == 0
    code, outcome, data = bench.records()[-1]
    assert (code, outcome.status, outcome.state) == (OUTCOME, codes.DONE, 0)
    assert bench.put(order, bench.authority) == (codes.INBOX_REFUSED, codes.R_REPLAYED)
    forged = bench.put(bench.command(2, codes.CLOSE), bench.root)
    assert forged == (codes.INBOX_REFUSED, codes.R_UNKNOWN_KEY)

    # One ack covers all before it; acked records stay readable.
    assert bench.ack(outcome.epoch, outcome.seq, data)[1] == codes.R_NONE
    assert bench.status()["unacked"] <= 1
    before = bench.records()

    bench.board.kill()
    bench.board.start()
    bench.wait_for_bus()
    status = bench.status()
    assert (status["epoch"], status["counter"], status["trusted"]) == (2, 1, 0)
    assert (status["ack_serial"], status["control_serial"]) == (1, 1)
    after = bench.records()
    assert [item[2] for item in after[: len(before)]] == [item[2] for item in before]
    check_chain(after)
    assert bench.put(order, bench.authority) == (codes.INBOX_REFUSED, codes.R_REPLAYED)
    bench.board.kill()
    assert [data for _, data in bench.board.journal()][: len(after)] == [r[2] for r in after]


def test_power_cuts_lose_and_repeat_nothing(workbench):
    bench = started(workbench({"interval_s": 1, "boundary_s": 2}))
    random.seed(4)
    seen: dict[tuple[int, int], bytes] = {}
    counter = 0
    for _ in range(6):
        counter += 1
        action = random.choice((codes.OPEN, codes.CLOSE))
        bench.put(bench.command(counter, action), bench.authority)
        for _, record, data in bench.records():
            assert seen.setdefault((record.epoch, record.seq), data) == data
        time.sleep(random.random() * 0.3)
        bench.board.kill()
        bench.board.start()
        bench.wait_for_bus()
        bench.set_time(NOW_S + 10 * counter)
    records = bench.records()
    check_chain(records)
    kept = {(record.epoch, record.seq): data for _, record, data in records}
    assert all(kept[key] == data for key, data in seen.items())
    outcomes = [record.counter for code, record, _ in records if code == OUTCOME]
    assert outcomes == list(range(1, counter + 1))


def test_any_modbus_tool_reads_it_and_none_switches_it(workbench):
    bench = started(workbench())
    answer = bench.ask(struct.pack(">BHH", 4, modbus_map.LIVE_TOTAL_POWER, 2))
    assert struct.unpack(">f", answer[2:]) == (540.0,)
    answer = bench.ask(struct.pack(">BHH", 4, modbus_map.LIVE_IMPORT, 4))
    assert [round(value, 3) for value in struct.unpack(">ff", answer[2:])] == [5.0, 0.7]
    assert bench.ask(struct.pack(">BHH", 1, 0, 2)) == b"\x01\x01\x01"
    for pdu in (b"\x05\0\0\0\0", b"\x0f\0\0\0\2\1\0", b"\x06\0\0\0\0", b"\x2b\x0e\1\0"):
        assert bench.ask(pdu) == bytes((pdu[0] | 0x80, 1))
    enrolment = bench.read(modbus_map.ENROLMENT, modbus_map.WINDOW_WORDS)
    assert struct.unpack(">HH", enrolment[:4])[1] == 11
    # Garbage, half a frame, then business as usual.
    random.seed(9)
    for _ in range(200):
        bench.bus.write(random.randbytes(random.randrange(1, 40)))
    bench.bus.write(b"\x01\x03\x10\x00")
    time.sleep(0.1)
    bench.wait_for_bus()
    assert bench.status()["magic"] == modbus_map.MAGIC


def test_a_silent_module_is_named_once_and_the_register_holds(workbench):
    bench = started(workbench({"metering": fast_metering()}))
    wait_for(bench, lambda found: any(code == READING for code, _, _ in found))
    heater = bench.modules.values.pop(1)
    records = wait_for(bench, lambda found: codes.EV_SENSOR_FAULT in events(found))
    count = len(records)
    records = wait_for(bench, lambda found: len(found) > count + 1)
    assert events(records).count(codes.EV_SENSOR_FAULT) == 1
    reading = records[-1][1]
    assert reading.flags & codes.SENSOR_FAULT
    assert reading.channels[0][0] == 5000
    # Another module takes its place: the register does not go back.
    bench.modules.values[1] = [*heater[:3], 4000]
    wait_for(bench, lambda found: not found[-1][1].flags & codes.SENSOR_FAULT)
    bench.modules.values[1] = [*heater[:3], 4006]
    records = wait_for(bench, lambda found: found[-1][1].channels[0][0] != 5000)
    assert records[-1][1].channels[0][0] == 5006


def fast_metering() -> dict:
    return {"driver": "pzem004t", "uart": 2, "poll_ms": 200, "timeout_ms": 60}


def test_lost_communication_ends_in_the_safe_state(workbench):
    bench = started(workbench({"comms_timeout_s": 10}, speed=5))
    assert bench.put(bench.command(1, codes.CLOSE, asset=1), bench.authority)[1] == 0
    assert bench.status()["relays"] == 3
    records = wait_for(bench, lambda found: codes.EV_SAFE_STATE in events(found))
    status = bench.status()
    assert status["relays"] == 1
    assert status["flags"] & codes.SAFE_STATE
    _, last, data = records[-1]
    bench.ack(last.epoch, last.seq, data)
    wait_for(bench, lambda found: codes.EV_RECOVERED in events(found))


def test_mlmd_breaks_an_overload_and_obeys_a_lowered_limit(workbench):
    bench = workbench(
        {
            "role": "mlmd",
            "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
            "relays": [{"pin": 26, "safe": "closed", "name": "breaker"}],
            "fixed_limit_w": 5000,
            "breaker": {"overload_delay_ms": 1000, "dead_times_s": [600]},
        }
    )
    started(bench)
    assert bench.status()["relays"] == 1
    too_high = bench.command(1, codes.SET_LIMIT, value=5001)
    assert bench.put(too_high, bench.authority)[1] == codes.R_BAD_VALUE
    lower = bench.command(2, codes.SET_LIMIT, value=900, expires_s=FAR_S)
    assert bench.put(lower, bench.authority)[1] == codes.R_NONE
    records = wait_for(bench, lambda found: codes.EV_TRIP in events(found))
    outcomes = [(r.status, r.state) for code, r, _ in records if code == OUTCOME]
    assert outcomes == [(codes.REFUSED, 5000), (codes.DONE, 900)]
    trip = next(r for code, r, _ in records if code == EVENT and r.kind == codes.EV_TRIP)
    assert trip.detail == [codes.TRIP_OVERLOAD, 1000]
    assert bench.status()["relays"] == 0
    records = wait_for(bench, lambda found: found[-1][0] == FEEDER and found[-1][1].trip_cause)
    feeder = records[-1][1]
    assert (feeder.breaker, feeder.limit_w) == (codes.BREAKER_OPEN, 900)
    close = bench.command(3, codes.CLOSE)
    assert bench.put(close, bench.authority)[1] == codes.R_PROTECTION


def test_it_fits_a_board_with_room_to_spare(workbench):
    bench = started(workbench())
    for line in bench.console().splitlines():
        if "bytes free" in line:
            assert int(line.split()[-3]) > 6000, line
    for _ in range(100):
        bench.status()
        bench.record(0, 0)
    assert "MemoryError" not in bench.console()
