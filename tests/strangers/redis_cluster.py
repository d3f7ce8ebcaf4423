"""A Redis Cluster of the scenario's own: three masters that speak TLS alone and want a certificate of who connects; three masters, each
with a replica that takes over; or both in one.

Not here: what the switch makes of it (scenarios/sharing.py, scenarios/failing.py, scenarios/pairing.py).
"""

import subprocess

from certificates import Authority
from waiting import Failure, equal, expect, free_port, until

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


class ReplicatedCluster:
    """Three masters and behind each a replica, without TLS."""

    # How redis-cli comes in.
    comes_in = ()

    def __init__(self, folder):
        self.folder = folder / "redis"
        self.folder.mkdir(parents=True)
        self.ports = [free_port(udp=False) for _ in range(2 * MASTERS)]
        self.processes = {}
        self.lost = None

    @property
    def ledger(self):
        """The settings of a switch that keeps its credit here."""
        places = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return {"engine": "redis", "url": f"redis+cluster://{places}"}

    def start(self):
        """Starts them, lets redis-cli make them a cluster, and waits until every replica follows."""
        for port in self.ports:
            home = self.folder / str(port)
            home.mkdir()
            command = ["redis-server", *self.listens(port), "--bind", "127.0.0.1", "--dir", str(home), "--appendonly", "yes", "--save", "",
                       "--daemonize", "no", "--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
                       "--cluster-port", str(free_port(udp=False)), "--repl-diskless-sync-delay", "0"]
            with (home / "log").open("ab") as log:
                self.processes[port] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        for port in self.ports:
            until(lambda: self.said(port, "PING") == "PONG", "a server of the cluster to answer", 10)
        first = self.ports[0]
        share = 16_384 // MASTERS
        for number, port in enumerate(self.ports):
            if number < MASTERS:
                last = 16_383 if number == MASTERS - 1 else (number + 1) * share - 1
                equal(self.said(port, "CLUSTER", "ADDSLOTSRANGE", str(number * share), str(last)), "OK", "giving slots")
            if number:
                bus = self.said(port, "CONFIG", "GET", "cluster-port").splitlines()[1]
                self.said(first, "CLUSTER", "MEET", "127.0.0.1", str(port), bus)
        agrees = lambda port: all(what in self.said(port, "CLUSTER", "INFO") for what in ("cluster_state:ok", f"known_nodes:{2 * MASTERS}"))
        until(lambda: all(agrees(port) for port in self.ports), "six servers to be a cluster", 30)
        for master, replica in zip(self.ports, self.ports[MASTERS:]):
            name = self.said(master, "CLUSTER", "MYID")
            until(lambda: self.said(replica, "CLUSTER", "REPLICATE", name) == "OK", "a server to be a replica", 10)
            until(lambda: "state=online" in self.said(master, "INFO", "replication"), "a replica to follow", 30)
        return self

    def listens(self, port):
        """The options of a server that is to be reached at this port."""
        return ["--port", str(port)]

    def said(self, port, *words):
        """What one of them answers."""
        done = subprocess.run(["redis-cli", "-p", str(port), *self.comes_in, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
        return done.stdout.replace("\r", "").strip() or done.stderr.strip()

    def kill_master_of(self, company):
        """Ends the master that has the company's slot at once, and with it what its replica has not heard yet."""
        tag = company.removeprefix("comp_")
        slot = int(self.said(self.ports[0], "CLUSTER", "KEYSLOT", f"{{{tag}}}"))
        self.lost = min(slot // (16_384 // MASTERS), MASTERS - 1)
        process = self.processes[self.ports[self.lost]]
        process.kill()
        process.wait()

    def has_failed_over(self):
        """Whether the replica of the master that died is a master now."""
        return self.said(self.ports[MASTERS + self.lost], "ROLE").startswith("master")

    def kill(self):
        """Ends them at once."""
        for process in self.processes.values():
            process.kill()
            process.wait()


class SecureReplicatedCluster(ReplicatedCluster):
    """The same where all speak TLS alone, and want a certificate of who connects: clients, replicas, and each other."""

    def __init__(self, folder):
        super().__init__(folder)
        self.authority = Authority(self.folder)
        self.papers = self.authority.issue("redis")
        self.ours = self.authority.issue("switch", "DNS:switch.example.net")
        certificate, key = self.ours
        self.comes_in = ("--tls", "--cacert", str(self.authority.ca), "--cert", str(certificate), "--key", str(key))

    @property
    def ledger(self):
        certificate, key = self.ours
        return {"engine": "redis", "url": super().ledger["url"].replace("redis+", "rediss+"), "ca_file": str(self.authority.ca),
                "certificate_file": str(certificate), "key_file": str(key)}

    def listens(self, port):
        certificate, key = self.papers
        return ["--port", "0", "--tls-port", str(port), "--tls-cluster", "yes", "--tls-replication", "yes",
                "--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(self.authority.ca)]
