"""A Redis of the scenario's own with a replica, and three Sentinels that make it the master when the first is gone; switches come as a user that
may do what a switch needs and nothing else.

Not here: what the switch makes of it (scenarios/pairing.py).
"""

import re
import subprocess

from server import ROOT
from waiting import Failure, equal, expect, free_port, until

PASSWORD = "hunter2-hunter2"
SENTINELS = 3


def rights():
    """What a user of Redis needs, as the shipped settings name it."""
    return re.search(r"`(~tandem:\* [^`]+)`", (ROOT / "config" / "tandem.toml").read_text()).group(1).split()


class Watched:
    """A master, its replica, and who watches them; each with a password."""

    def __init__(self, folder):
        self.folder = folder / "redis"
        self.folder.mkdir(parents=True)
        self.master, self.replica = free_port(udp=False), free_port(udp=False)
        self.sentinels = [free_port(udp=False) for _ in range(SENTINELS)]
        self.password = self.folder / "password"
        self.password.write_text(PASSWORD + "\n")
        self.password.chmod(0o600)
        self.processes = {}

    @property
    def ledger(self):
        """The settings of a switch that keeps its credit here."""
        places = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return {"engine": "redis", "url": f"redis+sentinel://tandem@{places}/money", "password_file": str(self.password)}

    def start(self):
        """Starts them, and waits until all Sentinels know each other and the replica."""
        user = ["--user", "tandem", "on", f">{PASSWORD}", *rights()]
        for port in (self.master, self.replica):
            home = self.folder / str(port)
            home.mkdir()
            follows = ["--replicaof", "127.0.0.1", str(self.master)] if port == self.replica else []
            self._run(port, ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home), "--appendonly", "yes", "--save", "",
                             "--daemonize", "no", "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0",
                             *user, *follows])
            until(lambda: self.said(port, "PING") == "PONG", "a server to answer", 10)
        until(lambda: "state=online" in self.said(self.master, "INFO", "replication"), "the replica to follow", 20)
        for port in self.sentinels:
            settings = self.folder / f"sentinel.{port}.conf"
            settings.write_text("\n".join([
                f"port {port}", "bind 127.0.0.1", f"dir {self.folder}", f"sentinel monitor money 127.0.0.1 {self.master} 2",
                "sentinel down-after-milliseconds money 1000", "sentinel failover-timeout money 3000",
                f"sentinel auth-pass money {PASSWORD}", f"requirepass {PASSWORD}",
                f"user tandem on >{PASSWORD} +sentinel +@connection", ""]))
            self._run(port, ["redis-server", str(settings), "--sentinel"])
        knows = lambda port: "slaves=1,sentinels=3" in self.said(port, "INFO", "sentinel")
        until(lambda: all(knows(port) for port in self.sentinels), "three Sentinels that know each other", 30)
        return self

    def _run(self, port, command):
        try:
            with (self.folder / f"{port}.log").open("ab") as log:
                self.processes[port] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        except FileNotFoundError:
            raise Failure("redis-server is missing: install it with `apt-get install redis-server`") from None

    def said(self, port, *words):
        """What one of them answers."""
        expect(self.processes[port].poll() is None, f"the server at {port} has ended")
        done = subprocess.run(["redis-cli", "-p", str(port), "-a", PASSWORD, "--no-auth-warning", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=10)
        return done.stdout.replace("\r", "").strip() or done.stderr.strip()

    def kill_master_of(self, _company):
        """Ends the master at once, and with it what its replica has not heard yet."""
        equal(self.said(self.replica, "ROLE").split()[0], "slave", "the role of the replica")
        process = self.processes[self.master]
        process.kill()
        process.wait()

    def has_failed_over(self):
        """Whether the replica is the master now."""
        return self.said(self.replica, "ROLE").startswith("master")

    def kill(self):
        """Ends them at once."""
        for process in self.processes.values():
            process.kill()
            process.wait()
