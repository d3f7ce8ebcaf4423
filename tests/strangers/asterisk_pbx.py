"""Asterisk as a PBX with one trunk and one phone, in a Debian of its own (fetching.py), with a configuration of its own.

Not here: what it is configured to (asterisk/*.conf), and what is proven by it (scenarios/exchanging.py).
"""

import os
import pathlib
import shutil
import subprocess

import fetching
from waiting import Failure, NotHere, ended, expect, free_port, until

CONFIGURATION = pathlib.Path(__file__).resolve().parent / "asterisk"


class AsteriskPbx:
    """One Asterisk; `phone` is where its extension 101 is."""

    def __init__(self, folder, switch, profile, phone="127.0.0.1:9", session_s=1_800):
        try:
            self.root = fetching.asterisk() / "root"
        except Failure as failure:
            raise NotHere(f"no Asterisk: {failure}") from None
        self.port = free_port()
        # Its folder as it sees it, and as we do.
        inner = f"/run/strangers/{pathlib.Path(folder).name}.{os.getpid()}"
        self.folder = self.root / inner.lstrip("/")
        self.folder.mkdir(parents=True)
        (pathlib.Path(folder) / "asterisk").symlink_to(self.folder)
        values = {"FOLDER": inner, "PORT": self.port, "SWITCH": switch, "USER": profile["sip_user"],
                  "PASSWORD": profile["sip_password"], "PHONE": phone, "SESSION_S": session_s}
        for file in CONFIGURATION.glob("*.conf"):
            text = file.read_text()
            for name, value in values.items():
                text = text.replace(f"@{name}@", str(value))
            (self.folder / file.name).write_text(text)
        self.command = ["chroot", str(self.root), "asterisk", "-C", f"{inner}/asterisk.conf"]
        self.log = (pathlib.Path(folder) / "asterisk.log").open("wb")
        self.process = subprocess.Popen([*self.command, "-f", "-n", "-vvv"], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def address(self):
        """Where its phone sends."""
        return f"127.0.0.1:{self.port}"

    def ask(self, command):
        """What its command line says."""
        done = subprocess.run([*self.command, "-rx", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        return done.stdout

    def until_registered(self):
        """Waits until it says that it is registered."""

        def is_registered():
            expect(self.process.poll() is None, "Asterisk ended")
            said = self.ask("pjsip show registrations")
            return "Registered" in said and "Unregistered" not in said or expect(False, said[-300:])

        until(is_registered, "Asterisk to be registered", 30)

    def stop(self):
        """Ends it, and takes its folder away."""
        ended(self.process, 5)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
