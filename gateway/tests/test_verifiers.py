"""Signatures in threads and processes: the same answers, whatever happens to a process."""

import asyncio
import os
import signal

import pytest

from gateway import verifiers
from gateway.admit import fast
from gateway.tests.signing import CHAIN, SigningBoard
from gateway.verifier import holds, pack, unpack


def jobs(count):
    """Every seventh is a forgery, told in the second list."""
    board = SigningBoard()
    made, good = [], []
    for number in range(count):
        code, data = board.add()
        signed = bytearray(fast.split(code, data, CHAIN).signed)
        if number % 7 == 3:
            signed[number % len(signed)] ^= 1
        made.append((board.public_key, bytes(signed)))
        good.append(number % 7 != 3)
    return made, good


@pytest.fixture
def play(monkeypatch):
    monkeypatch.setattr(verifiers, "RESTART_WALL_S", 0.05)

    def run(scenario):
        async def whole():
            pool = verifiers.Verifiers()
            try:
                await scenario(pool)
            finally:
                await pool.close()
            assert [one.pid for one in pool.processes] == [None, None]

        asyncio.run(whole())

    return run


async def started(pool, work):
    for _ in range(1000):
        await pool.check(work)
        if all(one.pid for one in pool.processes):
            return [one.pid for one in pool.processes]
        await asyncio.sleep(0.02)
    raise AssertionError("no processes within 20 s")


def test_jobs_survive_the_way_to_a_process():
    made, good = jobs(20)
    assert list(unpack(pack(made)[4:])) == made
    assert list(map(holds, made)) == good
    assert not holds((bytes(32), b"short"))
    assert not holds((b"short", bytes(70)))


def test_threads_and_processes_give_the_same_answers(play):
    made, good = jobs(200)

    async def scenario(pool):
        few = verifiers.FEW
        assert await pool.check(made[:few]) == good[:few]
        assert [one.pid for one in pool.processes] == [None, None]
        assert await pool.check(made) == good  # the first backlog goes through threads
        pids = await started(pool, made)
        for count in (few + 1, few + 2, 200):
            assert await pool.check(made[:count]) == good[:count]
        assert [one.pid for one in pool.processes] == pids
        assert await pool.check([]) == []

    play(scenario)


def test_a_process_that_dies_costs_no_answer_and_is_started_again(play):
    made, good = jobs(200)

    async def scenario(pool):
        pids = await started(pool, made)
        os.kill(pids[0], signal.SIGKILL)
        assert await pool.check(made) == good
        again = await started(pool, made)
        assert pids[0] not in again
        assert await pool.check(made) == good

    play(scenario)


def test_a_process_that_hangs_is_given_up(play, monkeypatch):
    monkeypatch.setattr(verifiers, "ANSWER_WALL_S", 0.3)
    made, good = jobs(200)

    async def scenario(pool):
        pids = await started(pool, made)
        os.kill(pids[1], signal.SIGSTOP)
        assert await pool.check(made) == good

    play(scenario)


def test_a_process_ends_with_its_parents_pipe(play):
    async def scenario(pool):
        made, _ = jobs(100)
        await started(pool, made)
        process = pool.processes[0]._process
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) == 0

    play(scenario)
