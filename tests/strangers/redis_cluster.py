"""A Redis Cluster of the scenario's own: three masters that speak TLS alone and want a certificate of who connects.

Not here: what a cluster does when a master dies (ledger/tests/redis_servers.rs).
"""

import subprocess

from certificates import Authority
from waiting import Failure, expect, free_port, until

MASTERS = 3


class SecureCluster:
    """Three servers; together they have all slots."""

    def __init__(self, folder):
        self.folder = folder / "redis"
        self.folder.mkdir(parents=True)
        self.authority = Authority(self.folder)
        self.ports = [free_port(udp=False) for _ in range(MASTERS)]
        self.ours = self.authority.issue("switch", "DNS:switch.example.net")
        self.processes = []

    @property
    def ledger(self):
        """The settings of a switch that keeps its credit here; the first place that is named is nobody's."""
        places = ",".join(f"127.0.0.1:{port}" for port in (free_port(udp=False), *self.ports[:2]))
        certificate, key = self.ours
        return {"engine": "redis", "url": f"rediss+cluster://{places}", "ca_file": str(self.authority.ca),
                "certificate_file": str(certificate), "key_file": str(key)}

    def start(self):
        """Starts them and waits until they are a cluster."""
        certificate, key = self.authority.issue("redis")
        papers = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(self.authority.ca)]
        try:
            for number, port in enumerate(self.ports):
                home = self.folder / str(number)
                home.mkdir()
                command = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--dir", str(home),
                           "--appendonly", "yes", "--save", "", "--daemonize", "no", "--cluster-enabled", "yes", "--tls-cluster", "yes",
                           "--cluster-port", str(free_port(udp=False)), *papers]
                with (home / "log").open("ab") as log:
                    self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT))
        except FileNotFoundError:
            raise Failure("redis-server is missing: install it with `apt-get install redis-server`") from None
        for port in self.ports:
            until(lambda: self.said(port, "PING") == "PONG", "a server of the cluster to answer", 10)
        buses = [self.said(port, "CONFIG", "GET", "cluster-port").splitlines()[1] for port in self.ports]
        share = 16_384 // MASTERS
        for number, (port, bus) in enumerate(zip(self.ports, buses)):
            last = 16_383 if number == MASTERS - 1 else (number + 1) * share - 1
            answer = self.said(port, "CLUSTER", "ADDSLOTSRANGE", str(number * share), str(last))
            expect(answer == "OK", f"slots could not be given: {answer}")
            if number:
                self.said(self.ports[0], "CLUSTER", "MEET", "127.0.0.1", str(port), bus)
        agrees = lambda port: all(what in self.said(port, "CLUSTER", "INFO") for what in ("cluster_state:ok", f"known_nodes:{MASTERS}"))
        until(lambda: all(agrees(port) for port in self.ports), "three servers to be a cluster", 30)
        return self

    def said(self, port, *words):
        """What one of them answers."""
        certificate, key = self.ours
        command = ["redis-cli", "-p", str(port), "--tls", "--cacert", self.authority.ca, "--cert", certificate, "--key", key, *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
        return done.stdout.replace("\r", "").strip() or done.stderr.strip()

    def kill(self):
        """Ends them at once."""
        for process in self.processes:
            process.kill()
            process.wait()
