"""Sippy's B2BUA between two others: in front of a PBX with the trunk's password, or as a carrier's border.

Not here: how it is fetched (fetching.py).
"""

import subprocess

import fetching
from waiting import ended, expect, free_port, until


class SippyB2bua:
    """Sends every call that it gets to one place."""

    def __init__(self, folder, to, profile=None, name="sippy", port=None):
        """`to`: where its calls go. `profile`: whose user and password it shows there."""
        self.folder = folder / name
        self.folder.mkdir()
        self.port = port or free_port()
        route = f"{to};cli={profile['sip_user']};auth={profile['sip_user']}:{profile['sip_password']}" if profile else to
        program = fetching.sippy() / "python" / "bin" / "b2bua_radius"
        self.log = (self.folder / "log").open("wb")
        files = ["-P", str(self.folder / "pid"), "-c", str(self.folder / "socket")]
        command = [str(program), "-f", "-u", "-A", "0", "-l", "127.0.0.1", "-p", str(self.port), *files, "-s", route]
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)

        def listens():
            expect(self.process.poll() is None, f"Sippy ended: {(self.folder / 'log').read_text(errors='replace')[-400:]}")
            with open("/proc/net/udp") as table:
                return f":{self.port:04X} " in table.read()

        until(listens, "Sippy to listen", 15)

    @property
    def address(self):
        """Where it takes calls."""
        return f"127.0.0.1:{self.port}"

    def stop(self):
        """Ends it."""
        ended(self.process, 1)
        self.log.close()
