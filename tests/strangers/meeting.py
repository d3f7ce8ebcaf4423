"""Who took part in a scenario and which way its calls went, as seen by what it did: programs started, datagrams sent, records left.

Not here: what is told of it (telling.py).
"""

import os
import pathlib
import re
import socket
import subprocess
import sys

# Programs that are strangers to the switch, by the name of the file that is run, and what people call them.
STRANGERS = {
    "sipp": "SIPp",
    "baresip": "baresip",
    "linphonec": "linphone",
    "kamailio": "Kamailio",
    "b2bua_radius": "Sippy B2BUA",
    "b2bua_simple": "Sippy B2BUA",
    "pjsua2_phone.py": "pjsua2",
    "chromium": "Chromium",
    "chrome": "Chromium",
    "asterisk": "Asterisk",
    "redis-server": "Redis",
    "openssl": "openssl",
    "tandem-loadtest": "tandem-loadtest",
}
BY_HAND = "by hand"
# What is asked for its version, and where in the answer it stands.
VERSIONS = {
    "SIPp": (["sipp", "-v"], r"SIPp v([0-9.]+)"),
    "baresip": (["baresip", "-v"], r"baresip v([0-9.]+)"),
    "linphone": (["linphonec", "-v"], r"version: ([0-9.]+)|([0-9]+\.[0-9.]+)"),
    "Kamailio": (["/usr/sbin/kamailio", "-v"], r"kamailio ([0-9.]+)"),
    "Chromium": (["chromium", "--version"], r"Chromium ([0-9.]+)"),
    "Redis": (["redis-server", "--version"], r"v=([0-9.]+)"),
    "openssl": (["openssl", "version"], r"OpenSSL ([0-9.a-z]+)"),
    # It has a system of its own (fetching.py), which is not there where only this is asked.
    "Asterisk": (["cat", pathlib.Path(__file__).parent / "asterisk" / "version"], r"Asterisk (\S+)"),
}


class Meeting:
    """What one scenario's process does, noted from now on."""

    def __init__(self):
        self.peers = set()
        # Ports of the switch at which a TCP connection is a stranger's, and not that of the API.
        self.sip_ports = set()
        self.directions = set()
        sys.addaudithook(self._note)

    def _note(self, event, arguments):
        # Called for everything that Python does: it must be quick, and must never fail.
        if event == "subprocess.Popen":
            for word in arguments[1] or ():
                name = STRANGERS.get(os.path.basename(os.fsdecode(word)) if isinstance(word, (str, bytes, os.PathLike)) else "")
                if name:
                    self.peers.add(name)
                    break
        elif event == "socket.sendto":
            self.peers.add(BY_HAND)
        elif event == "socket.connect":
            own, address = arguments
            of_the_internet = isinstance(address, tuple) and len(address) >= 2
            if of_the_internet and (own.type == socket.SOCK_DGRAM or address[1] in self.sip_ports):
                self.peers.add(BY_HAND)

    def heard(self, records):
        """The directions of these call records."""
        for record in records:
            self.directions.add("inside" if record.get("partner") else record.get("direction") or "outbound")

    def of_world(self, world):
        """Asks the switch, where it still lives, which calls it had."""
        server = world.server
        if not server.judges_money or not server.is_alive():
            return
        self.heard(world.api.records())
        for direction in ("outbound", "inbound"):
            # A record follows its call a moment later, a number at once.
            inside = "inside" in self.directions
            if not inside and world.api.metric("tandem_call_attempts_total", direction=direction):
                self.directions.add(direction)


def version_of(peer):
    """The version of a program of this machine, or nothing."""
    command, where = VERSIONS.get(peer, (None, None))
    if command is None:
        return ""
    try:
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                              env=dict(os.environ, HOME="/tmp"))
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(where, said.stdout + said.stderr)
    return next((group for group in found.groups() if group), "") if found else ""
