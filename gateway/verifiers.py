"""Signatures, checked where they hold nobody up: a few in threads, many in processes.

libsodium gives the interpreter's lock away for the 50 us that one signature takes, and has to wait
for it again behind whatever runs: as long again, or ten times that. A process that is given some
hundred at once waits for nobody. It costs 15 MB, so it is started when the first backlog comes.
"""

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from gateway.verifier import READY, Job, holds, pack

log = logging.getLogger("gateway")

PROCESSES = 2
FEW = 64
"""Signatures that are not worth a process."""

ANSWER_WALL_S = 20.0
RESTART_WALL_S = 5.0
"""Between two starts of a process that ended by itself."""

_CHUNK = 16
"""Signatures that a thread checks at a time: enough to outweigh the hand-over."""


class VerifierProcess:
    """One child, started on demand and again after it ended; `check` is for one caller."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._starting: asyncio.Task[None] | None = None
        self._not_before_s = 0.0

    @property
    def pid(self) -> int | None:
        """Of the child, while there is one."""
        return self._process.pid if self._process else None

    @property
    def is_ready(self) -> bool:
        """Whether it can be given work; if not, it is being started."""
        if self._process is not None:
            return True
        if self._starting is None and asyncio.get_running_loop().time() >= self._not_before_s:
            self._starting = asyncio.create_task(self._start(), name="verifier")
        return False

    async def check(self, jobs: Sequence[Job]) -> bytes | None:
        """A byte for each job, 1 if its signature holds; None if the child failed."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        try:
            async with asyncio.timeout(ANSWER_WALL_S):
                process.stdin.write(pack(jobs))
                await process.stdin.drain()
                return await process.stdout.readexactly(len(jobs))
        except (OSError, EOFError, TimeoutError) as error:
            log.warning("verifier %d failed: %r; threads go on", process.pid, error)
            await self.close()
            return None

    async def close(self) -> None:
        """End it."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        process, self._process = self._process, None
        if process is not None:
            await _end(process)

    async def _start(self) -> None:
        self._not_before_s = asyncio.get_running_loop().time() + RESTART_WALL_S
        process = await asyncio.create_subprocess_exec(
            # Its standard input is a pipe from here: it ends when this process does, however.
            sys.executable, "-m", "gateway.verifier", stdin=PIPE, stdout=PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            if await process.stdout.readexactly(len(READY)) == READY:
                self._process = process
                log.info("verifier %d started", process.pid)
        except (OSError, EOFError) as error:
            log.warning("verifier %d did not start: %r", process.pid, error)
        finally:
            self._starting = None
            if self._process is not process:
                await _end(process)


class Verifiers:
    """All of them; `close` ends threads and processes."""

    def __init__(self, count: int = PROCESSES) -> None:
        self.processes = [VerifierProcess() for _ in range(count)]
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="verify")

    async def close(self) -> None:
        """Let the checks under way end."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for process in self.processes:
            await process.close()

    async def check(self, jobs: Sequence[Job]) -> list[bool]:
        """Which of the signatures hold."""
        ready = [one for one in self.processes if one.is_ready] if len(jobs) > FEW else []
        if not ready:
            return await self._in_threads(jobs)
        share = -(-len(jobs) // len(ready))
        parts = [jobs[at : at + share] for at in range(0, len(jobs), share)]
        work = [self._in_process(one, part) for one, part in zip(ready, parts, strict=False)]
        return [held for part in await asyncio.gather(*work) for held in part]

    async def _in_process(self, process: VerifierProcess, jobs: Sequence[Job]) -> list[bool]:
        answers = await process.check(jobs)
        if answers is None:
            return await self._in_threads(jobs)
        return [answer == 1 for answer in answers]

    async def _in_threads(self, jobs: Sequence[Job]) -> list[bool]:
        loop = asyncio.get_running_loop()
        parts = [jobs[at : at + _CHUNK] for at in range(0, len(jobs), _CHUNK)]
        work = [loop.run_in_executor(self._pool, _all_of, part) for part in parts]
        return [held for part in await asyncio.gather(*work) for held in part]


def _all_of(jobs: Sequence[Job]) -> list[bool]:
    return [holds(job) for job in jobs]


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
