"""The program of `truewatt bench mutants --boards`: hostile bytes for a board's own parsers.

It runs on 32-bit MicroPython with the firmware's frames, servers, inbox and gate. Arguments: the
parser, a seed, how many mutants, a file with keys and genuine frames. A signature is good when it
is a genuine frame's; every CURVE_EACH-th is given to the curve itself too.
"""

from truewatt.bench._board_mutants_world import WORLD

BOARD = (
    f"{WORLD}\n\n"
    + '''\
def note(name):
    names[name] = names.get(name, 0) + 1


# ---- the parsers ------------------------------------------------------------------------------


def give(code, data, bucket):
    """A whole frame to the gate, as an inbox does."""
    if bucket:
        bucket._tokens = [1000, 1000]
    reason, frame = gate.admit(code, data, bucket)
    if not reason:
        gate._nonces = [(nonce, 0)]
        reason = asyncio.run(gate.finish(frame))
        # Pieces are unsigned: a file counts only with its hash.
        if reason == codes.R_NONE and code != codes.PIECE and (code, data) not in genuine:
            note("FORGED")
    note("reason %d" % reason)


class Direct:
    """In place of a gate behind an inbox: no event loop, one frame after the other."""

    def redeem(self, ticket):
        gate._ticket = identity.prev_hash(identity.prev_hash(TICKET))
        found = gate.redeem(ticket)
        note("ticket" if found else "no ticket")
        if found and ticket not in (TICKET, identity.prev_hash(TICKET)):
            note("FORGED ticket")
        return found

    def admit(self, code, data, bucket):
        give(code, data, bucket)
        return codes.R_BUSY, None


def cbor_frame(data):
    if data:
        give(data[0], bytes(data[1:]), bucket)


def rtu(data):
    if data and data[0] & 1:
        data = seal(bytes(data))
    finder.feed(data)
    request = finder.take()
    while request is not None:
        note("answer %d" % (server.answer(request[1:])[0] >> 7))
        request = finder.take()
    request = finder.silence()
    if request is not None:
        note("answer %d" % (server.answer(request[1:])[0] >> 7))
    finder.reset()


def tcp(data):
    async def one():
        stream = Stream(bytes(data))
        first = await stream.readexactly(1)
        while True:
            found = await modbus_tcp._frame(stream, first)
            if found is None:
                note("no Modbus")
                return
            note("answer %d" % (server.answer(found[1])[0] >> 7))
            first = await stream.readexactly(1)

    try:
        asyncio.run(one())
    except EOFError:
        note("cut")


def mqtt(data):
    async def one():
        stream = Stream(bytes(data))
        while True:
            head, body = await mqtt_packets.read(stream)
            if head >> 4 == mqtt_packets.PUBLISH:
                topic, _, payload = mqtt_packets.split_publish(head, body)
                note("put %d" % inbox.put(payload))

    try:
        asyncio.run(one())
    except MqttError:
        note("MqttError")
    except EOFError:
        note("cut")


# ---- mutants ----------------------------------------------------------------------------------


def mutant(seeds):
    data = bytearray(random.choice(seeds))
    for _ in range(random.randrange(1, 5)):
        way = random.getrandbits(3)
        at = random.randrange(len(data) + 1)
        if way < 3 and at < len(data):
            data[at] ^= 1 << random.getrandbits(3)
        elif way < 5 and at < len(data):
            data[at] = SPITE[random.randrange(len(SPITE))]
        elif way == 5:
            data[at:at] = bytes((SPITE[random.randrange(len(SPITE))],))
        elif way == 6:
            data[at : at + random.randrange(1, 9)] = b""
        else:
            data[at:] = b"" if random.getrandbits(1) else bytes(data[at : at + 8]) * 2
        if len(data) == 0:
            data.append(0)
    return data


def write_of(code, data):
    chunk = bytes((1, random.getrandbits(8), code, len(data), 0, 0)) + data
    return chunk + bytes(len(chunk) & 1)


def inbox_pdu(code, data):
    chunk = write_of(code, data)
    return bytes((16, 0x14, 0, 0, len(chunk) // 2, len(chunk))) + chunk


def seeds_of(name):
    frames = genuine + [(codes.TICKETED, TICKET + bytes((code,)) + data) for code, data in genuine]
    pdus = [inbox_pdu(code, data) for code, data in frames]
    pdus += [b"\\x03\\x10\\0\\0\\x20", b"\\x17\\x12\\0\\0\\x7d\\x11\\0\\0\\x04\\x08" + bytes(8)]
    if name == "rtu":
        return [bytes((OWN,)) + pdu for pdu in pdus] + [seal(bytes((OWN,)) + pdu) for pdu in pdus]
    if name == "tcp":
        return [bytes((0, 1, 0, 0, 0, len(pdu) + 1, 1)) + pdu for pdu in pdus]
    if name == "mqtt":
        return [mqtt_packets.publish("tw/1/%s/cmd" % ("ab" * 20), write_of(*frame), 7)
                for frame in frames] + [b"\\x40\\x02\\0\\1", b"\\xd0\\0", b"\\x20\\x02\\0\\0"]
    return [bytes((code,)) + data for code, data in genuine]


def main(name, seed, count):
    random.seed(seed)
    seeds = seeds_of(name)
    feed = {"rtu": rtu, "tcp": tcp, "mqtt": mqtt, "cbor": cbor_frame}[name]
    for data in seeds:
        feed(bytearray(data))
    taken = names.get("reason 0", 0)
    if not taken or (name == "cbor" and taken < len(seeds)):
        raise ValueError("what is genuine is not taken: %r" % names)
    warm = max(count // 10, 1)
    for number in range(count):
        if number == warm:
            gc.collect()
            held = gc.mem_alloc()
        data = mutant(seeds)
        try:
            feed(data)
        except Exception as error:
            note("CRASH %s" % type(error).__name__)
            if len(crashes) < 5:
                crashes.append("%r: %s" % (error, bytes(data).hex()))
        if number % 20000 == 0:
            print(json.dumps({"count": number}))
    gc.collect()
    print(json.dumps({
        "count": count, "names": names, "crashes": crashes, "grown": gc.mem_alloc() - held,
    }))


names = {}
crashes = []
with open(sys.argv[4]) as file:
    words = [line.strip() for line in file]
operator, ack, control, Owner.address, nonce, Journal.record = map(bytes.fromhex, words[:6])
genuine = []
for word in words[6:]:
    code, data = word.split(":")
    genuine.append((int(code), bytes.fromhex(data)))
clock = Clock(Ticks())
clock.beacon(NOW_S * 1000, 0, 0)
store = Store(Nvs())
certificates = Certificates(operator, 1, store, clock)
for role, key in ((codes.ACK, ack), (codes.CONTROL, control)):
    certificates.accept(Certificate(
        role=role, area=1, public_key=key, serial=1, expires_s=NOW_S + 1000000
    ))
gate = Gate(Owner(), certificates, Chain(), clock)
gate.comms = CommsWatch(1000, clock)
gate.commands = Commands()
gate._nonces = [(nonce, 0)]
node = Node()
node.store, node.certificates = store, certificates
gate.node = node
entry._session = Session(node)
# The rest of an update writes files: it is tried where there is a flash for them.
entry._begin = lambda node, facts: codes.R_NONE
bucket = TokenBucket(1000, 1)
genuine_messages = set()
for code, data in genuine:
    if code == codes.PIECE:
        continue
    envelope = cose.split(data, 240)
    kind = "release" if code == codes.OFFER else gate._rules[code][0].TYPE
    aad = cose.external_aad(kind, Owner.chain_id)
    genuine_messages.add((envelope.to_be_signed(aad), envelope.signature))
inbox = Inbox(Direct(), Liveness())
server = ModbusServer(Registers())
finder = FrameFinder(OWN)
main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
'''
)
