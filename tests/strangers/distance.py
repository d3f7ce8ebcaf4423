"""A wide network in small: the switch at a public address, a PBX behind a NAT at the other end, and between them a line that is
slow and loses. All of it is namespaces of one machine; nothing of it is reached from outside. The kernel's netem is not needed: the
line is this program's, between two tunnels.

Not here: what is said over it (scenarios/distant.py).
"""

import collections
import ctypes
import fcntl
import heapq
import os
import pathlib
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

from waiting import Failure, NotHere, expect, until

# Public addresses; nobody else's here, for the scenario has a network of its own.
SWITCH, ROUTER = "44.0.0.1", "44.0.0.77"
HOME_GATEWAY, PBX = "192.168.7.1", "192.168.7.2"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x4004_54CA, 0x1, 0x1000
CLONE_NEWNET = 0x4000_0000


class Place:
    """A network of its own, held open by a process that does nothing."""

    def __init__(self, name):
        self.name = name
        self.ip = None
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        ours = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != ours, f"the network {name}", 5)
        self.prefix = ["nsenter", "--net", "--target", str(self.holder.pid)]
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command):
        """A command in it."""
        run(*self.prefix, *command)

    def socket(self, kind=socket.SOCK_DGRAM):
        """A socket in it."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as ours, open(f"/proc/{self.holder.pid}/ns/net") as theirs:
            expect(libc.setns(theirs.fileno(), CLONE_NEWNET) == 0, f"the network {self.name} cannot be entered")
            try:
                return socket.socket(socket.AF_INET, kind)
            finally:
                expect(libc.setns(ours.fileno(), CLONE_NEWNET) == 0, "the own network cannot be entered again")

    def stop(self):
        """Ends it, with all interfaces."""
        self.holder.kill()
        self.holder.wait()


def run(*command):
    """A command that must succeed."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    expect(done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.strip()}")


def tunnel(name):
    """The near end of a new interface, at which its packets can be read and written."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return end


class Line(threading.Thread):
    """Carries packets between two tunnels, each way late by the same time, and loses some of them by a seed that is told."""

    def __init__(self, ends, delay_s, loss, seed):
        super().__init__(daemon=True)
        self.ends, self.delay_s, self.loss = ends, delay_s, loss
        self.chance = random.Random(seed)
        self.carried = self.lost = 0
        # How many requests of each method and responses were carried.
        self.said = collections.Counter()
        self.is_open = True
        self.start()

    def run(self):
        due, number = [], 0
        while self.is_open:
            wait = max(0.0, due[0][0] - time.monotonic()) if due else 0.2
            for end in select.select(self.ends, [], [], wait)[0]:
                try:
                    packet = os.read(end, 65_535)
                except OSError:
                    # Nothing there after all; or its network has ended, and the line will.
                    continue
                if self.chance.random() < self.loss:
                    self.lost += 1
                    continue
                number += 1
                other = self.ends[1 - self.ends.index(end)]
                heapq.heappush(due, (time.monotonic() + self.delay_s, number, other, packet))
            while due and due[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(due)
                self.carried += 1
                self.said[packet[28:38].split(b" ")[0]] += packet[28:31].isalpha()
                try:
                    os.write(end, packet)
                except OSError:
                    # An interface that is down loses what comes, as one does.
                    self.lost += 1


class Distance:
    """The whole of it, for as long as a scenario."""

    def __init__(self, delay_s=0.25, loss=0.05, mapping_s=12):
        """`mapping_s`: how long the NAT keeps a port open for which nothing comes."""
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        lacking = [name for name in ("ip", "iptables", "nsenter", "unshare") if not shutil.which(name, path=path)]
        is_own = os.environ.get("STRANGERS_NETWORK") == "own"
        if os.getuid() != 0 or not is_own or lacking or not pathlib.Path("/dev/net/tun").exists():
            raise NotHere("needs root, networks of its own, /dev/net/tun, and ip, iptables, nsenter, unshare; "
                          f"lacking of them: {', '.join(lacking) or 'none'}")
        self.seed = random.randrange(1_000_000)
        print(f"  the line loses by seed {self.seed}")
        self.places, self.line = [], None
        ends = [tunnel("wide"), tunnel("wide_router")]
        try:
            self.router, self.home = self._place("router"), self._place("home")
            self._connect(mapping_s)
            self.line = Line(ends, delay_s, loss, self.seed)
        except BaseException:
            self.stop()
            raise

    def _place(self, name):
        place = Place(name)
        self.places.append(place)
        return place

    def _connect(self, mapping_s):
        router, home = self.router, self.home
        run("ip", "addr", "add", f"{SWITCH}/24", "dev", "wide")
        run("ip", "link", "set", "wide", "up")
        run("ip", "link", "set", "wide_router", "netns", router.holder.pid)
        router.run("ip", "addr", "add", f"{ROUTER}/24", "dev", "wide_router")
        router.run("ip", "link", "set", "wide_router", "up")
        router.run("ip", "link", "add", "inner", "type", "veth", "peer", "name", "outer", "netns", str(home.holder.pid))
        router.run("ip", "addr", "add", f"{HOME_GATEWAY}/24", "dev", "inner")
        router.run("ip", "link", "set", "inner", "up")
        home.run("ip", "addr", "add", f"{PBX}/24", "dev", "outer")
        home.run("ip", "link", "set", "outer", "up")
        home.run("ip", "route", "add", "default", "via", HOME_GATEWAY)
        home.ip = PBX
        router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        masquerade = ("--append", "POSTROUTING", "--out-interface", "wide_router", "--jump", "MASQUERADE")
        try:
            router.run("iptables", "--table", "nat", *masquerade)
        except Failure as failure:
            raise NotHere(f"the kernel has no NAT: {failure}") from None
        for kind in ("udp_timeout", "udp_timeout_stream"):
            router.run("sh", "-c", f"echo {mapping_s} > /proc/sys/net/netfilter/nf_conntrack_{kind}")

    def stop(self):
        """Ends it."""
        if self.line:
            self.line.is_open = False
            self.line.join(2)
        for place in self.places:
            place.stop()
