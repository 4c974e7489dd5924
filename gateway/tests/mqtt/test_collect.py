"""Boards over a real Mosquitto: kept, then acked; identity from signatures; nothing retained."""

from gateway.tests.mqtt.site import AREA
from gateway.tests.signing import T0, seal
from gateway.tests.site import CONTROL
from wireformat import codes, cose
from wireformat import mqtt_map as m
from wireformat.control import Command


def journal(board):
    return [data for _, data in board.journal]


def order(board, counter=1):
    return seal(
        CONTROL,
        Command(
            id=bytes([counter]) * 8, counter=counter, target=board.address, asset=0,
            action=codes.OPEN, value=0, not_before_s=T0 - 10, expires_s=T0 + 10**6,
            height=1, index=0,
        ),
    )  # fmt: skip


def test_records_are_committed_then_acked_and_the_board_gets_what_it_needs(play):
    async def scenario(site):
        meter = site.board(1, 150)
        meter.connect()
        await site.until(lambda: meter.clock_trusted)
        meter.send()
        await site.until(lambda: meter.acked == (1, 149))
        assert site.held(meter) == journal(meter)
        assert {r: c.serial for r, c in meter.certificates.items()} == {
            codes.ACK: 3,
            codes.CONTROL: 5,
        }
        assert site.collector.acker.sent < 150
        assert site.open_codes() == {}

    play(scenario)


def test_an_ack_that_was_lost_comes_again_after_both_ends_restarted(play):
    async def scenario(site):
        meter = site.board(1)
        meter.connect()
        await site.until(lambda: meter.clock_trusted)
        meter.send()
        await site.until(lambda: meter.acked == (1, 4))
        await site.stop()
        meter.acked = (-1, -1)
        site.start()
        await site.until(lambda: site.collector.is_open)
        meter.say()
        await site.until(lambda: meter.acked == (1, 4))
        meter.send()
        await site.until(lambda: site.collector.ingest._chains)
        assert site.held(meter) == journal(meter)

    play(scenario)


def test_a_command_is_executed_and_its_outcome_is_a_record(play):
    async def scenario(site):
        meter = site.board(1)
        meter.connect()
        await site.until(lambda: len(meter.certificates) == 2)
        await site.collector.command(meter.address, order(meter))
        assert meter.relays[0] == 0
        meter.send()
        await site.until(lambda: meter.acked == (1, 5))
        assert site.held(meter) == journal(meter)

    play(scenario)


def test_who_signed_counts_and_not_the_topic_and_the_mismatch_is_named(play):
    async def scenario(site):
        meter, other = site.board(1), site.board(2)
        meter.connect()
        meter.send(topic=m.topic(AREA, other.address, m.REC))
        await site.until(lambda: len(site.held(meter)) == 5)
        assert site.held(other) == []
        await site.until(lambda: site.collector.counts.get("topic_mismatch"))
        assert "topic_mismatch" in site.open_codes().values()

    play(scenario)


def test_retained_and_foreign_messages_are_refused_and_counted(play):
    async def scenario(site):
        meter = site.board(1, 2)
        meter.connect()
        code, data = meter.journal[0]
        meter.client.publish(meter.topic(m.REC), bytes((code,)) + data, 1, retain=True)
        await site.until(lambda: meter.acked == (1, 0))  # live, before it was retained
        await site.stop()
        site.start()
        await site.until(lambda: site.collector.counts.get("retained_message") == 1)
        for topic, payload, name in (
            (f"tw/{AREA}/XX/rec", b"x", "bad_topic"),
            (f"tw/{AREA}/{meter.address.hex().upper()}/rec", b"xy", "bad_topic"),
            (meter.topic(m.REC), b"", "bad_message"),
            (meter.topic(m.REC), b"x" * 500, "bad_message"),
            (meter.topic(m.OUT), b"x", "bad_message"),
        ):
            before = site.collector.counts.get(name, 0)
            meter.client.publish(topic, payload, 1)
            await site.until(lambda n=name, b=before: site.collector.counts.get(n, 0) > b)
        assert site.held(meter) == journal(meter)[:1]

    play(scenario)


def test_each_refusal_has_its_name_and_gets_no_ack(play):
    async def scenario(site):
        meter, stranger = site.board(1, 3), site.board(9, 1, enrol=False)
        meter.connect()
        await site.until(lambda: meter.clock_trusted)
        (code, data), later = meter.journal[0], meter.journal[2]
        forged = data[:-1] + bytes((data[-1] ^ 1,))
        for name, kind, bytes_ in (
            ("bad_signature", code, forged),
            ("bad_cbor", code, data[:-9]),
            ("wrong_type", 99, data),
            ("unknown_key", *stranger.journal[0]),
            ("gap", *later),
        ):
            for _ in range(1 + (name == "gap")):
                meter.client.publish(
                    meter.topic(m.REC), bytes((kind,)) + bytes_, 1
                ).wait_for_publish(5)
            await site.until(lambda n=name: site.store.refusals().get(n) == 1)
        # Told after the commit that counts it.
        await site.until(lambda: "records_held" in site.open_codes().values())
        assert meter.acked == (-1, -1)
        meter.send()
        await site.until(lambda: meter.acked == (1, 2))
        await site.until(lambda: "records_held" not in site.open_codes().values())

    play(scenario)


def test_a_signed_gap_bridges_a_hole_when_the_board_sends_again(play):
    async def scenario(site):
        meter = site.board(1, 6)
        lost = meter.journal[2:4]
        meter.add(meter.event(codes.EV_JOURNAL_GAP, (1, 2, 1, 3)))
        meter.connect()
        meter.journal = [row for row in meter.journal if row not in lost]
        meter.send()
        await site.until(lambda: meter.acked == (1, 1))
        # The event may come a commit later than what it follows.
        await site.until(lambda: len(site.store.permits(meter.address)) == 1)
        meter.send(2)
        await site.until(lambda: meter.acked == (1, 6))
        assert site.held(meter) == journal(meter)

    play(scenario)


def test_fast_and_strict_admission_agree_on_every_mutant():
    from random import Random

    from gateway.admit import fast
    from gateway.tests.signing import CHAIN, SigningBoard
    from wireformat.errors import WireError
    from wireformat.registry import open_signed

    rng, board = Random(7), SigningBoard(1)
    rows = [board.add(), board.add(board.event()), board.add(board.outcome(b"x" * 8, 1))]
    taken = 0
    for _ in range(30_000):
        code, data = rng.choice(rows)
        mutant = bytearray(data)
        for _ in range(rng.choice((0, 1, 1, 2))):
            mutant[rng.randrange(20, len(data) - 66)] = rng.choice(
                (0, 23, 24, 25, 0x80, 0xA0, 0xC0, 0xF6, 0xFB, rng.randrange(256))
            )
        envelope = fast.split(code, bytes(mutant), CHAIN)
        record = envelope and fast.record(code, envelope.payload)
        try:
            strict = open_signed(code, bytes(mutant), CHAIN)
        except WireError:
            assert not record, mutant.hex()
            continue
        assert envelope.to_be_signed == strict.to_be_signed
        assert envelope.payload == cose.split(bytes(mutant)).payload
        if record:
            taken += 1
            assert record == strict.record
    assert taken > 5000


def test_a_commit_holds_as_many_records_as_its_time_allows():
    from gateway.mqtt import collector as c

    most = c.BATCH_LEAST
    for _ in range(20):
        most = c._next_most(most, most, 0.01)
    assert most == c.BATCH_MOST
    assert c._next_most(most, 17, 0.01) == most  # no backlog: nothing was learnt
    for _ in range(20):
        most = c._next_most(most, most, 0.5)
    assert most == c.BATCH_LEAST
    assert c._next_most(2000, 2000, 0.1) == 2000
