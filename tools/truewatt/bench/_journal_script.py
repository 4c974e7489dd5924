"""The program of `truewatt bench journal`: one board whose power is cut, over and over.

It runs on MicroPython with the firmware's own journal, chain and commands on the emulated chip's
own flash and NVS, in memory. Arguments: the emulated chip's folder, a file for the NVS, a seed, how
many cuts, and what to break first, to see that it is found; or "wear" in place of the seed, and
how many days. A signature is a hash here: what is at stake is flash.
"""

from truewatt.bench._journal_chip import CHIP
from truewatt.bench._journal_wear import ASKED

_LIFE = '''
class World:
    """What is outside the board: all that it ever signed, and what its gateway holds."""

    def __init__(self):
        self.signed = {}
        self.promised = {}
        self.held = {}
        self.read_to = (0, 0)
        self.counter = self.issued = 0
        self.ended = {}
        self.gaps = []
        self.epochs = set()

    def has_signed(self, key, data):
        if key in self.signed:
            raise Violated("repeated", key)
        self.signed[key] = data

    def sees(self, key, data):
        """A record that left the journal: nobody may ever see another under its number."""
        if self.promised.setdefault(key, data) != data:
            raise Violated("two records under one number", key)
        if self.signed.get(key) != data:
            raise Violated("a record that was never signed", key)

    def excused(self, key):
        for gap in self.gaps:
            if (gap[0], gap[1]) <= key <= (gap[2], gap[3]):
                return True
        return False


class Owner:
    public_key = bytes(32)
    address = bytes(20)
    chain_id = "c"

    def __init__(self, world):
        self.world = world

    async def seal(self, record):
        unsigned = Unsigned(record, self.public_key, self.chain_id)
        data = unsigned.with_signature(identity.record_hash(unsigned.to_be_signed) * 2)
        self.world.has_signed((record.epoch, record.seq), data)
        return data


class CountingJournal(Journal):
    def evict_oldest(self, tell=None):
        counts["full"] += tell is not None
        super().evict_oldest(tell)


class Running:
    """One start of the board, as the firmware's node does it."""

    def __init__(self, flash, limits, world):
        self.flash = flash
        self.world = world
        Nvs.flash = flash
        vfs.mount(vfs.VfsLfs2(flash), "/flash")
        self.clock = Clock(Ticks())
        self.store = Store(Nvs("tw"))
        self.journal = CountingJournal(FOLDER, limits[0], limits[1])
        self.chain = Chain(Owner(world), self.journal, self.clock, self.store)
        self.commands = Commands([relay(self.clock)], self.chain, self.clock, self.store)

    def start(self):
        self.chain.start()
        self.clock.beacon(max(NOW_S, self.chain.last_time_s) * 1000, 0, 0)
        if self.chain.epoch in self.world.epochs:
            raise Violated("an epoch came twice", self.chain.epoch)
        self.world.epochs.add(self.chain.epoch)
        self.append(Event, {"kind": codes.EV_BOOT, "detail": [1]})
        asyncio.run(self.commands.finish_pending())

    def append(self, kind, fields):
        try:
            data = asyncio.run(self.chain.append(kind, fields))
        except BoardError:
            counts["refused"] += 1
            return  # a full flash: said by name, tried again with the next record
        self.world.sees((self.chain.epoch, self.chain.next_seq - 1), data)

    # ---- what a board does -------------------------------------------------------------------

    def record(self):
        rows = [ROW] * random.randrange(1, 5)
        fields = {"interval_s": 60, "channels": rows, "voltage_dv": 2300, "max_ma": 4348}
        self.append(Reading, fields)

    def read(self):
        """The gateway reads on and keeps what it reads."""
        for _ in range(random.randrange(1, 8)):
            epoch, seq = self.world.read_to
            found = self.journal.find(epoch, seq + 1 if epoch else 0)
            if found is None:
                return
            _, key, data = found
            self.world.sees(key, data)
            self.world.held[key] = data
            self.world.read_to = key

    def ack(self):
        key = self.world.read_to
        found = self.journal.find(*key)
        if found is not None and found[1] == key and key > self.journal.acked:
            self.chain.acknowledge(key, found[2])

    def order(self):
        counter = self.commands.counter + 1
        action = codes.CLOSE if counter & 1 else codes.OPEN
        order = Command(
            id=counter.to_bytes(8, "big"), counter=counter, target=bytes(20), asset=0,
            action=action, value=0, not_before_s=0, expires_s=NOW_S + 1000000, height=1, index=0,
        )
        if not self.commands.transient_fault(order):
            self.world.issued = counter
            asyncio.run(self.commands.execute(order))

    def registers(self):
        self.store.commit(regs=random.getrandbits(30).to_bytes(24, "big"))


class Board:
    """A board through many lives: its flash image and NVS, and the world around it."""

    def __init__(self):
        self.world = World()
        self.deck = random.choice(DECKS)
        blocks, limit_bytes, segment_bytes = random.choice(CHIPS)
        self.image = bytearray(b"\\xff" * (blocks * chip_flash.BLOCK_BYTES))
        self.limits = (limit_bytes, segment_bytes)
        esp32._spaces = {}
        flash = Flash(io.BytesIO(self.image))
        vfs.VfsLfs2.mkfs(flash)
        self.image = flash._file.getvalue()

    def live(self):
        """Power on, work, lose power; how many operations the flash did."""
        flash = Flash(io.BytesIO(self.image), random.randrange(MOST_OPERATIONS))
        try:
            running = Running(flash, self.limits, self.world)
            running.start()
            while True:
                getattr(running, random.choice(self.deck))()
        except PowerCut:
            pass
        finally:
            unmount()
        self.image = flash._file.getvalue()
        return flash.operations

    def look(self):
        """Start once more on a copy of what the cut left, and hold it to what was promised."""
        kept = json.dumps(esp32._spaces)
        world = self.world
        before = dict(world.signed), dict(world.promised), set(world.epochs), dict(world.ended)
        running = Running(Flash(io.BytesIO(self.image)), self.limits, world)
        try:
            running.start()
        except BoardError as error:
            raise Violated("does not boot", error)
        for _ in range(3):
            # What a full flash evicted for this start's records is told with the next one.
            if running.chain.gap_flag and running.chain._owed_gap:
                running.record()
        records = [(key, code, data) for code, key, data in running.journal.records()]
        self.check(running, records)
        unmount()
        esp32._spaces = json.loads(kept)
        world.signed, world.promised, world.epochs, world.ended = before

    def check(self, running, records):
        world = self.world
        there = {}
        before = (0, 0)
        for key, code, data in records:
            world.sees(key, data)
            there[key] = data
            if key <= before:
                raise Violated("numbers do not grow", key)
            before = key
            self.says(key, code, data)
        self.nothing_is_lost(there)
        self.commands_have_ends(running.commands.counter)

    def says(self, key, code, data):
        """What a record tells: a gap, or the end of a command."""
        payload = cose.split(data).payload
        if code == Event.CODE:
            event = Event.from_payload(payload)
            if event.kind == codes.EV_JOURNAL_GAP and event.detail not in self.world.gaps:
                self.world.gaps.append(event.detail)
        elif code == Outcome.CODE:
            counter = Outcome.from_payload(payload).counter
            # A look's own records are undone; what it ended, the next life ends anew.
            if self.world.ended.setdefault(counter, key) != key:
                raise Violated("two outcomes of one command", counter)

    def nothing_is_lost(self, there):
        world = self.world
        for key in list(world.promised):
            if key in world.held or key in there:
                continue
            if not world.excused(key):
                raise Violated("lost without a signed gap", key)
            counts["evicted"] += 1
            del world.promised[key]  # said once is enough
            world.held[key] = b""

    def commands_have_ends(self, counter):
        world = self.world
        if not world.counter <= counter <= world.issued:
            raise Violated("a counter that nobody used, or one that came back", counter)
        for number in range(world.counter + 1, counter + 1):
            if number not in world.ended:
                raise Violated("a command without an end", number)
        world.counter = counter


def unmount():
    try:
        vfs.umount("/flash")
    except OSError:
        pass  # the power went before it was mounted


def main(seed, cuts):
    random.seed(seed)
    board = None
    for cut in range(cuts):
        if cut % CUTS_OF_A_BOARD == 0:
            board = Board()
        counts["operations"] += board.live()
        board.look()
        counts["cuts"] += 1
        if counts["cuts"] % 50 == 0:
            print(json.dumps(counts))
    print(json.dumps(counts))
'''

BOARD = "\n\n".join((CHIP, _LIFE, ASKED))
