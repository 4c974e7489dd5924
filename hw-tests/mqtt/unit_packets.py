"""The board's MQTT packets on MicroPython: what is read back, what is refused, what junk costs."""

import asyncio
import gc
import sys

from links import mqtt_packets as p

_SEED = int(sys.argv[1])
_MUTANTS = int(sys.argv[2])


class Stream:
    """What a socket gave, then its end."""

    def __init__(self, data):
        self.data = data

    async def readexactly(self, size):
        if len(self.data) < size:
            raise EOFError
        part, self.data = self.data[:size], self.data[size:]
        return part


def read(data):
    return asyncio.run(p.read(Stream(data)))


def expect(name, got, wanted):
    if got != wanted:
        print("FAILED %s: got %r, expected %r" % (name, got, wanted))
        sys.exit(1)


def refused(name, call, *arguments):
    try:
        call(*arguments)
    except p.MqttError:
        return
    print("FAILED %s: taken" % name)
    sys.exit(1)


def goods():
    topic = "tw/1/%s/rec" % ("ab" * 20)
    for size in (0, 10, 72, 73, 200):
        head, body = read(p.publish(topic, bytes(size), 513))
        expect("publish", p.split_publish(head, body), (topic.encode(), 513, bytes(size)))
    expect("puback", read(p.puback(0xABCD)), (0x40, b"\xab\xcd"))
    hello = p.connect("ab" * 20, 60, topic, "user", "word")
    head, body = read(hello)
    expect("hello", (head, body[:10]), (0x10, b"\x00\x04MQTT\x04\xcc\x00\x3c"))
    expect("no user", p.connect("a", 60, topic, None, "")[9], 0x0C)


def bads():
    refused("endless length", read, b"\x30\xff\xff\xff\xff\x7f")
    refused("too long", read, b"\x40\xff\xff\x01")
    refused("a topic too long", read, b"\x32\xff\xff\x01\x7f\xff")
    refused("a topic past the end", read, b"\x32\x91\x03\x01\x90" + bytes(500))
    refused("QoS 2", p.split_publish, 0x34, b"\0\1a\0\1x")
    refused("topic past the end", p.split_publish, 0x32, b"\0\x09abc")
    refused("no topic", p.split_publish, 0x32, b"\0")


def too_long():
    """Its payload is passed over, it can be confirmed, and what follows is whole."""
    stream = Stream(p.publish("a/cmd", bytes(5000), 9) + p.publish("a/cmd", b"next", 10))
    for mid, payload in ((9, b""), (10, b"next")):
        head, body = asyncio.run(p.read(stream))
        expect("after a long one", p.split_publish(head, body), (b"a/cmd", mid, payload))
    expect("the stream's end", stream.data, b"")


def mutants():
    """Whatever comes, it ends in a packet, an end of the stream or a named error."""
    state = _SEED
    base = p.publish("tw/1/%s/cmd" % ("cd" * 20), bytes(range(150)), 7)
    gc.collect()
    held = gc.mem_alloc()
    for _ in range(_MUTANTS):
        data = bytearray(base)
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            data[(state >> 8) % (9 if state & 64 else len(data))] = state >> 16 & 0xFF
        try:
            head, body = read(data)
            p.split_publish(head, body)
        except (EOFError, p.MqttError):
            pass
    gc.collect()
    expect("no heap kept", gc.mem_alloc() - held < 1024, True)


goods()
bads()
too_long()
mutants()
print("ok")
