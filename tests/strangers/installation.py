"""A node that is set up by typed commands, in a folder of its own, with what they print kept as a transcript.

Not here: which commands these are (README.md) and what is asked of the node afterwards (scenarios/installing.py).
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time

import tandem_api
from server import BINARY, ROOT
from waiting import ended, equal, free_port, until

# Where the README has the switch and its carrier.
SWITCH_IP, CARRIER_IP = "192.0.2.10", "198.51.100.7"
# How long a command may take; one that builds the switch, on a machine that has nothing.
COMMAND_S = 60
BUILD_S = 1700


class Installation:
    """A folder in which commands are typed: as they are written where `own` says that the README's addresses are here, otherwise with
    addresses and ports of this machine in place of them."""

    def __init__(self, folder, carrier, name="installed", own=False):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.here = self.folder
        self.environment = self.surroundings()
        self.sip, self.http_port = (f"{SWITCH_IP}:5060", 8080) if own else (None, None)
        self.places = {} if own else {SWITCH_IP: "127.0.0.1", f"{CARRIER_IP}:5060": carrier}
        self.process = None
        self.commands = 0
        self.began = time.monotonic()

    def surroundings(self):
        """The environment: one in which `tandem` is what the tests' build made."""
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "tandem").symlink_to(BINARY)
        return dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}")

    def run(self, command, seconds=COMMAND_S):
        """One command line as a person types it; what it prints."""
        self.commands += 1
        for written, here in self.places.items():
            command = command.replace(written, here)
        if command.startswith("tandem init") and self.places:
            # Chosen when they are needed: a build takes minutes, and somebody else may take them meanwhile.
            if self.sip is None:
                self.sip, self.http_port = f"127.0.0.1:{free_port()}", free_port(udp=False)
            command += f" --sip-port {self.sip.rsplit(':', 1)[1]} --http 127.0.0.1:{self.http_port}"
        if command.endswith("&"):
            self.serve(command.rstrip("& "))
            self.tell(command, "")
            return ""
        # Where a `cd` leads is where the next command is typed.
        line = f'{command}\ncode=$?; pwd > "$STANDS"; exit $code'
        stands = self.folder / "stands"
        done = subprocess.run(["sh", "-c", line], cwd=self.here, env=dict(self.environment, STANDS=str(stands)), timeout=seconds,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.here = pathlib.Path(stands.read_text().strip())
        self.said = done.stderr
        self.code = done.returncode
        self.tell(command, done.stdout + done.stderr)
        return done.stdout

    def serve(self, command):
        """A command that goes on: the switch."""
        with (self.folder / "serve.log").open("wb") as log:
            self.process = subprocess.Popen(shlex.split(command), cwd=self.here, env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.said, self.code = "", 0
        until(tandem_api.TandemApi(self.http_port, "").is_ready, f"`{command}` to be ready", 20)

    def tell(self, command, said):
        """Adds a command and what it printed to the transcript; of a long build, its ends."""
        lines = said.splitlines()
        if len(lines) > 60:
            lines = lines[:3] + [f"... {len(lines) - 6} lines ..."] + lines[-3:]
        with (self.folder / "transcript").open("a") as transcript:
            transcript.write("\n".join([f"[{time.monotonic() - self.began:6.1f} s] $ {command}", *lines]) + "\n")

    def note(self, line):
        """Adds what was seen to the transcript."""
        with (self.folder / "transcript").open("a") as transcript:
            transcript.write(f"[{time.monotonic() - self.began:6.1f} s] # {line}\n")

    def must(self, command, seconds=COMMAND_S):
        """One command line that ends with 0; what it prints."""
        said = self.run(command, seconds)
        equal(self.code, 0, f"exit code of `{command}`, which said {self.said[-2000:]!r};")
        return said

    def took(self):
        """Commands and time so far."""
        return f"{self.commands} commands, {(time.monotonic() - self.began) / 60:.1f} minutes"

    def stop(self):
        """Ends the switch."""
        if self.process:
            ended(self.process)


class BareRoot(Installation):
    """The same on a machine that has git, a Rust toolchain and a C compiler, and nothing of ours: no crates, no build, no settings."""

    def surroundings(self):
        """The environment: an empty home, and the system's programs."""
        home = self.folder / "home"
        home.mkdir()
        self.here = home
        toolchain = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
        self.home = home
        return {"HOME": str(home), "PATH": f"{home}/.cargo/bin:{toolchain}/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

    def stop(self):
        """Ends the switch, and takes the gigabytes of crates and build away again."""
        super().stop()
        shutil.rmtree(self.home, ignore_errors=True)


def readme_commands():
    """The lines of the README's section: those that install, and those that set up a node."""
    section = (ROOT / "README.md").read_text().split("## Your own PBX and carrier in ten minutes", 1)[1].split("\n## ", 1)[0]
    install, set_up = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return install.strip().splitlines(), set_up.strip().splitlines()
