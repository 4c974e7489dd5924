"""Runs on MicroPython: generators that interleave, end early, and leave nothing behind."""

from crypto import ed25519, workspace

SEEDS = [bytes([i]) * 32 for i in range(3)]
LONG = bytes(range(250)) * 8


def finish(steps):
    """Drain: the result and the number of slices before it."""
    slices = 1
    try:
        while True:
            next(steps)
            slices += 1
    except StopIteration as end:
        return end.value, slices


def interleave(generators):
    """One slice of each in turn, as an event loop would; their results in order."""
    results = [None] * len(generators)
    running = list(enumerate(generators))
    while running:
        for item in list(running):
            try:
                next(item[1])
            except StopIteration as end:
                results[item[0]] = end.value
                running.remove(item)
    return results


def delegated():
    signature = yield from ed25519.sign_steps(SEEDS[0], LONG)
    ok = yield from ed25519.verify_steps(ed25519.public_key(SEEDS[0]), LONG, signature)
    return signature, ok


def test_counts():
    key = ed25519.SigningKey(SEEDS[1])
    assert finish(ed25519.public_key_steps(SEEDS[1]))[0] == key.public
    signature, slices = finish(key.sign_steps(LONG))
    assert slices > 8
    assert finish(ed25519.sign_steps(SEEDS[1], LONG))[0] == signature == key.sign(LONG)
    ok, slices = finish(ed25519.verify_steps(key.public, LONG, signature))
    assert ok is True
    assert slices > 20
    assert finish(ed25519.verify_steps(key.public, LONG, bytes(64)))[0] is False
    (signature, ok), _ = finish(delegated())
    assert ok is True
    assert signature == ed25519.sign(SEEDS[0], LONG)


def test_interleaved():
    publics = [ed25519.public_key(seed) for seed in SEEDS]
    expected = [ed25519.sign(seed, LONG) for seed in SEEDS]
    steps = [ed25519.sign_steps(seed, LONG) for seed in SEEDS]
    steps += [ed25519.verify_steps(p, LONG, s) for p, s in zip(publics, expected)]
    steps += [ed25519.public_key_steps(seed) for seed in SEEDS]
    assert interleave(steps) == expected + [True] * 3 + publics


def test_ended_early():
    idle = workspace.acquire()
    workspace.release(idle)
    steps = ed25519.sign_steps(SEEDS[0], LONG)
    for _ in range(6):
        next(steps)
    assert any(idle.registers)
    assert any(idle.secret)
    steps.close()
    assert is_clean(idle)
    assert workspace.acquire() is idle
    workspace.release(idle)


def test_nothing_left():
    idle = workspace.acquire()
    workspace.release(idle)
    for call in (lambda: ed25519.public_key(SEEDS[2]), lambda: ed25519.sign(SEEDS[2], LONG)):
        call()
        assert is_clean(idle)
    key = ed25519.SigningKey(SEEDS[2])
    assert any(key._secret)
    key.wipe()
    assert not any(key._secret)


def is_clean(ws):
    """Every buffer zero, but for the hash's state, which is that of an empty message."""
    buffers = [ws.registers, ws.secret, ws.wide, ws.nonce, ws.challenge, ws.digits, ws.naf]
    buffers += [ws.scratch, ws.points, ws.hash._working, ws.hash._schedule, ws.hash._block]
    return not any(any(b) for b in buffers + list(ws.limbs))


test_counts()
test_interleaved()
test_ended_early()
test_nothing_left()
print("ok")
