"""Whoever waits at a terminal is told for what; nobody else is."""

import os
import re
import threading
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace

import pytest

from gateway import cli
from gateway.collect.errors import NoReply
from gateway.profiles import waiting
from gateway.tests.attest.test_p1 import Port, telegram
from gateway.tests.profiles.rigs import on_a_line
from gateway.tests.profiles.test_cli import meter, served

WIPED = b"\r\x1b[K"


class Terminal:
    """The end of a pseudo-terminal at which a person sits. `on_text`: called at each new text."""

    def __init__(self, on_text):
        self.seen = b""
        self._master, slave = os.openpty()
        self.stderr = os.fdopen(slave, "w")
        self._on_text = on_text
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self):
        # A closed slave ends it.
        while True:
            try:
                text = os.read(self._master, 1024)
            except OSError:
                return
            self.seen += text
            self._on_text(self.seen)

    def close(self):
        self.stderr.close()
        self._thread.join(10)
        os.close(self._master)


@contextmanager
def terminal(monkeypatch, on_text=lambda seen: None):
    seat = Terminal(on_text)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", seat.stderr)
            yield seat
    finally:
        seat.close()


def silent(folder):
    rig = meter("sdm120")
    rig.silent = True
    return served(lambda: on_a_line(folder, rig))


def read(line, *more):
    return cli.main(["read", "--profile", "sdm120", "--port", str(line.line.path), *more])


def test_a_reading_that_takes_longer_than_a_second_says_what_it_waits_for(tmp_path, monkeypatch):
    with silent(tmp_path) as line, terminal(monkeypatch) as seat, pytest.raises(NoReply):
        read(line, "--timeout-ms", "900")
    assert re.search(rb"address 1, block 1 of 2, \d+ s", seat.seen)
    assert seat.seen.endswith(WIPED)


def test_a_quick_reading_says_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(waiting, "AFTER_S", 3600.0)
    rig = meter("sdm120")
    with served(lambda: on_a_line(tmp_path, rig)) as line, terminal(monkeypatch) as seat:
        assert read(line) == 0
    assert seat.seen == b""
    assert "Eastron SDM120" in capsys.readouterr().out


def test_nobody_at_a_terminal_is_told_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(waiting, "AFTER_S", 0.01)
    with silent(tmp_path) as line, pytest.raises(NoReply):
        read(line, "--timeout-ms", "100")
    assert capsys.readouterr().err == ""


def test_watch_says_when_it_will_read_again_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(waiting, "AFTER_S", 0.02)
    monkeypatch.setattr(waiting, "EVERY_S", 0.02)
    rig = meter("pzem004t")
    with served(lambda: on_a_line(tmp_path, rig)) as line, terminal(monkeypatch) as seat:
        words = ["watch", "--profile", "pzem004t", "--port", str(line.line.path)]
        assert cli.main([*words, "--every", "0.6", "--count", "2"]) == 0
    assert re.search(rb"next reading in \d s", seat.seen)
    assert seat.seen.endswith(WIPED)
    assert capsys.readouterr().out.count("Peacefair PZEM-004T v3") == 2


def test_a_port_that_talks_late_is_waited_for_in_sight(tmp_path, monkeypatch, capsys):
    @asynccontextmanager
    async def late():
        port = Port(SimpleNamespace(folder=tmp_path))
        port.data, port.quiet = telegram(), True
        try:
            yield port
        finally:
            port.close()

    with served(late) as port:

        def talk(seen):
            # It begins because the line was seen: without one, nothing ever comes.
            port.quiet = b"p1_v5 on" not in seen

        with terminal(monkeypatch, talk) as seat:
            assert cli.main(["read", "--profile", "p1_v5", "--port", str(tmp_path / "tty")]) == 0
    assert b"p1_v5 on " in seat.seen
    assert seat.seen.endswith(WIPED)
    assert "smart meter on a P1 port" in capsys.readouterr().out
