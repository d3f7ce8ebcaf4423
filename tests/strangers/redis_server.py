"""A Redis of the scenario's own: Debian's redis-server on a free port of loopback, with its append-only file.

Not here: what the switch does with it (scenarios/sharing.py).
"""

import signal
import socket
import subprocess

from waiting import Failure, expect, free_port, until


class RedisServer:
    """One server; `kill -9` and back again."""

    def __init__(self, folder):
        self.folder = folder / "redis"
        self.folder.mkdir(parents=True)
        self.port = free_port(udp=False)
        self.process = None

    @property
    def url(self):
        """As `ledger.url` names it."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def ledger(self):
        """The settings of a switch that keeps its credit here."""
        return {"engine": "redis", "url": self.url}

    def start(self):
        """Starts it and waits until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
                   "--appendonly", "yes", "--save", "", "--daemonize", "no"]
        try:
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        except FileNotFoundError:
            raise Failure("redis-server is missing: install it with `apt-get install redis-server`") from None
        until(self.is_ready, "redis-server to answer", 10)
        return self

    def is_ready(self):
        """Whether it answers a PING."""
        expect(self.process.poll() is None, "redis-server ended")
        with socket.create_connection(("127.0.0.1", self.port), 1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")

    def said(self, *words):
        """What it answers."""
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        return done.stdout.strip() or done.stderr.strip()

    def stand_still(self):
        """It takes what is sent and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """It goes on where it stood still."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """Ends it at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
