"""The image of the Dockerfile: built by buildah without a registry, looked into, and run as a switch for the strangers.

Not here: what else compose.yaml has (compose.py) and the order of the checks (run.py).
"""

import json
import os
import pathlib
import signal
import subprocess

from compose import ROOT, run
from server import Server
from tandem_api import TandemApi
from waiting import Failure, equal, until

NAME = "localhost/tandem:test"
OUT = ROOT / "target" / "tests" / "container"
# The files that an image of a binary and its libraries may have; a shell would be one more.
EXPECTED = {"/usr/bin/tandem", "/etc/tandem/tandem.toml", "/etc/passwd", "/etc/group", "/lib64/ld-linux-x86-64.so.2",
            "/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6", "/lib/x86_64-linux-gnu/libgcc_s.so.1"}


def base_image():
    """The image that the Dockerfile begins with, made from what is at hand."""
    (name,) = {line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines()
               if line.startswith("FROM ") and line.split()[1] != "scratch"}
    # Crates that this machine has never built are not there: the image builds for this machine's kind.
    run("cargo", "fetch", "--locked", "--target", "x86_64-unknown-linux-gnu")
    run(ROOT / "tests" / "container" / "base_image", name, OUT / "base", timeout=1200)
    return name


def build():
    """The Dockerfile as it stands: no registry is asked for an image, no registry of crates is reached."""
    revision = run("git", "rev-parse", "--short", "HEAD").strip()
    jobs = os.environ.get("CARGO_BUILD_JOBS", str(os.cpu_count()))
    with (OUT / "build.log").open("w") as log:
        done = subprocess.run(
            ["buildah", "bud", "--format", "docker", "--pull-never", "--isolation", "chroot",
             "--build-arg", f"REVISION={revision}", "--build-arg", f"CARGO_BUILD_JOBS={jobs}", "-t", NAME, "."],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, timeout=3600)
    equal(done.returncode, 0, f"buildah bud ({(OUT / 'build.log').read_text()[-1500:]}) exit code")
    (image,) = json.loads(run("buildah", "images", "--json", NAME))
    return f"{image['size']} as {NAME}, revision {revision}"


class Image:
    """A container of the image; its file system can be looked into, its program run."""

    def __init__(self):
        self.config = json.loads(run("buildah", "inspect", "--type", "image", NAME))["Docker"]["config"]
        self.container = run("buildah", "from", "--pull-never", NAME).strip()
        self.root = pathlib.Path(run("buildah", "mount", self.container).strip())

    def remove(self):
        """Gives the container back."""
        run("buildah", "rm", self.container)

    def has_no_shell_and_no_root(self):
        """Its files are the binary, its libraries, its settings and names; its user is nobody's."""
        files = {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*") if not path.is_dir()}
        # buildah puts these three into every container.
        files -= {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
        equal(sorted(files), sorted(EXPECTED), "files of the image")
        equal(self.config["User"], "65532:65532", "the image's user")
        equal(self.config["Healthcheck"]["Test"], ["CMD", "/usr/bin/tandem", "healthcheck"], "the image's healthcheck")
        equal(self.config["StopSignal"], "SIGTERM", "the image's stop signal")
        owner = (self.root / "var/lib/tandem").stat().st_uid
        equal(owner, 65532, "who owns the data folder")
        binary = (self.root / "usr/bin/tandem").stat().st_size
        return f"{len(files)} files, the binary {binary / 1e6:.1f} MB"

    def command(self, *words, environment=None, volumes=()):
        """The command line that runs something in the container, as its user and without its file system's outside."""
        variables = [part for name, value in (environment or {}).items() for part in ("--env", f"{name}={value}")]
        mounts = [part for source, target in volumes for part in ("--volume", f"{source}:{target}")]
        return ["buildah", "run", "--isolation", "chroot", *variables, *mounts, self.container, "--", *words]


class Container(Server):
    """The image's own command as the switch of a scenario: settings by environment, data in a volume, as in compose.yaml."""

    def __init__(self, folder, image, environment=None):
        super().__init__(folder)
        self.image = image
        os.chown(self.data, 65532, 65532)
        self.data.chmod(0o700)
        self.environment = {**(environment or {}), "TANDEM__NODE__SHARDS": "2", "TANDEM__SIP__LISTEN": self.sip,
                            "TANDEM__HTTP__LISTEN": f"127.0.0.1:{self.http_port}"}

    def within(self, *words):
        """The command line for something in the container."""
        return self.image.command(*words, environment=self.environment, volumes=[(self.data, "/var/lib/tandem")])

    def healthcheck(self):
        """The exit code of what a container engine asks."""
        _, *words = self.image.config["Healthcheck"]["Test"]
        return subprocess.run(self.within(*words), stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode

    def start(self):
        """Starts it and waits until its healthcheck is content."""
        self.starts += 1
        self.log = self.folder / f"serve.{self.starts}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.within(*self.image.config["Entrypoint"], *self.image.config["Cmd"]),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

        def is_healthy():
            if self.process.poll() is not None:
                raise RuntimeError(f"the container ended: {self.log.read_text(errors='replace')[-1500:]}")
            return self.healthcheck() == 0

        until(is_healthy, "the container to be healthy", 30)
        self.api = TandemApi(self.http_port, (self.data / "operator.token").read_text().strip())
        return self

    def program(self):
        """The process id of the switch itself, below buildah's: what a container engine sends its signals to."""
        parents = {}
        for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                number, rest = status.read_text().split(" (", 1)
                name, rest = rest.rsplit(") ", 1)
                parents.setdefault(int(rest.split()[1]), []).append((int(number), name))
            except (OSError, ValueError):
                continue
        below = [self.process.pid]
        for number in below:
            for child, name in parents.get(number, []):
                # Until it is replaced by the program, buildah's helper has another name.
                if name == "tandem":
                    return child
                below.append(child)
        raise Failure("no switch runs in the container")

    def stop(self):
        """Sends the image's stop signal, and makes sure that it ends well."""
        if self.is_alive():
            os.kill(self.program(), signal.Signals[self.image.config["StopSignal"]])
            try:
                equal(self.process.wait(15), 0, "the container's exit code")
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failure("the container did not end within 15 s of its stop signal") from None

    def kill(self):
        """Ends it at once; buildah follows."""
        if self.is_alive():
            os.kill(self.program(), signal.SIGKILL)
            self.process.wait()

    def verify_ledger(self):
        """The books, by the image's own program."""
        done = subprocess.run(self.within("/usr/bin/tandem", "ledger", "verify"), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)
        equal(done.returncode, 0, f"tandem ledger verify ({(done.stdout + done.stderr)[-500:]}) exit code")
