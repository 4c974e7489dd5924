"""Last part of the program of `truewatt bench journal`: wear, promises broken on purpose."""

ASKED = '''class WornFlash(Flash):
    """Counts what each sector goes through."""

    def __init__(self, image):
        super().__init__(image)
        self.erases = [0] * self.block_count
        self.programmed = 0

    def _program(self, at, data):
        self.programmed += len(data)
        super()._program(at, data)

    def ioctl(self, op, arg):
        if op == 6:
            self.erases[arg] += 1
        return super().ioctl(op, arg)


class WornNvs(Nvs):
    """Counts entries of 32 bytes: a page is erased for every 126."""

    entries = 0

    def _set(self, key, value):
        WornNvs.entries += esp32._entries_of(value)
        super()._set(key, value)


def wear(days):
    """A meter with a gateway that acks each record: the most that a board writes in peace."""
    global Nvs
    Nvs = WornNvs
    image = io.BytesIO(bytearray(b"\\xff" * (FLASH_BLOCKS * chip_flash.BLOCK_BYTES)))
    vfs.VfsLfs2.mkfs(Flash(image))
    flash = WornFlash(image)
    running = Running(flash, (512 * 1024, 16384), World())
    with open("/flash/application", "wb") as file:
        for _ in range(APPLICATION_KIB):
            file.write(bytes(1024))
    running.start()
    for day in range(days):
        if day == 1:  # from here on the journal is as full as it gets
            before = list(flash.erases), flash.programmed, WornNvs.entries
        for minute in range(1440):
            if minute % 15 == 0:
                running.registers()
            running.record()
            running.world.read_to = running.chain.epoch, running.chain.next_seq - 1
            running.ack()
            running.world.signed, running.world.promised = {}, {}
        print(json.dumps({"cuts": day}))
    erases = [now - then for now, then in zip(flash.erases, before[0])]
    print(json.dumps({
        "days": days - 1, "erases": sum(erases), "worst": max(erases), "sectors": len(erases),
        "programmed": flash.programmed - before[1], "nvs_entries": WornNvs.entries - before[2],
    }))


def forgetful(chain, seen):
    chain.epoch = chain._store.number("epoch") + 1
    if random.getrandbits(2):
        chain._store.commit(epoch=chain.epoch)


async def silent(chain):
    chain._owed_gap = None


def sabotage(what):
    """Break one promise of the firmware."""
    if what == "epoch":
        # One that is not persisted before the first signature.
        Chain._begin_epoch = forgetful
    elif what == "gap":
        Chain._announce_gap = silent
    elif what == "full":
        Chain._owe_over_a_cut = Chain._owe
    elif what == "sync":
        # Told before it is on flash.
        append, late = Journal.append, []

        def lazy(self, *frame):
            late.append(frame)
            if len(late) > 3:
                append(self, *late.pop(0))

        CountingJournal.append = lazy
    elif what == "mark":
        put = Store.put
        Store.put = lambda self, **values: None if values.get("pending") else put(self, **values)


counts = {"cuts": 0, "operations": 0, "evicted": 0, "refused": 0, "full": 0}
esp32._path = sys.argv[2]
esp32._outside = vfs.VfsPosix()
try:
    if sys.argv[3] == "wear":
        wear(int(sys.argv[4]))
    else:
        sabotage(sys.argv[5])
        main(int(sys.argv[3]), int(sys.argv[4]))
except Violated as error:
    name, seen = error.args
    print(json.dumps({"violated": name, "seen": str(seen), "cut": counts["cuts"]}))
    sys.exit(1)
'''
