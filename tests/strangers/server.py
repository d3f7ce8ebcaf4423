"""`tandem serve` as a process: its configuration, start, end, sudden death, and the verification of its books.

Not here: what it is asked (tandem_api.py) and who calls through it (sipp_agent.py, phones.py).
"""

import os
import pathlib
import secrets
import signal
import subprocess

from certificates import Authority
from tandem_api import TandemApi
from waiting import Failure, equal, expect, free_port, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("TANDEM", ROOT / "target" / "release" / "tandem"))

# Prefixes with round prices; `881` is dear and charged by the second, so that credit runs out while a test watches.
DECK = """\
prefix,destination,rate_per_minute,connection_fee,minimum_s,increment_s
1202,United States,0.02,,,
4420,London,0.03,,,
8816,Satellite,1.20,,1,1
8817,Far ship,0.60,,3,3
8818,Six seconds,0.60,,6,6
"""


def toml(sections):
    """Sections and keys as a settings file."""
    def value(item):
        if isinstance(item, bool):
            return "true" if item else "false"
        if isinstance(item, (list, tuple)):
            return "[" + ", ".join(value(one) for one in item) + "]"
        return str(item) if isinstance(item, (int, float)) else '"' + str(item) + '"'

    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value(item)}" for key, item in keys.items()]
        lines.append("")
    return "\n".join(lines)


class Server:
    """One switch with a data folder of its own."""

    # Where scenarios ask whether books and API can be judged; a stand-in says no.
    judges_money = True
    # The digest realm that it is set to.
    realm = "tandem"

    def __init__(self, folder, settings=None, prefix=()):
        self.prefix = list(prefix)
        self.folder = pathlib.Path(folder)
        self.sip_port = free_port()
        self.http_port = free_port(udp=False)
        self.data = self.folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        token = secrets.token_hex(24)
        tokens = self.folder / "tokens"
        tokens.write_text(f"strangers {token}\n")
        tokens.chmod(0o600)
        sections = {
            "node": {"data_dir": self.data, "shards": 2},
            # Debian's SIPp, baresip and Kamailio know MD5 only (README.md).
            "sip": {"listen": [f"127.0.0.1:{self.sip_port}"], "digest_algorithms": ["MD5"]},
            # Scenarios call dear numbers with little credit; those of `guarding` say what they want.
            "fraud": {"new_profile_daily_cap": 0, "new_profile_max_rate_cents": 0},
            "http": {"listen": f"127.0.0.1:{self.http_port}", "tokens_file": tokens},
        }
        self.authority = self.tls_port = self.ws_port = self.wss_port = None
        wanted = {section: dict(keys) for section, keys in (settings or {}).items()}
        self._secure(wanted)
        self._charge(wanted)
        for section, keys in wanted.items():
            sections.setdefault(section, {}).update(keys)
        # As the settings have it in the end: a scenario may want another address than loopback's.
        self.sip = sections["sip"]["listen"][0]
        self.config = self.folder / "tandem.toml"
        self.config.write_text(toml(sections))
        self.api = TandemApi(self.http_port, token)
        self.process = None
        self.starts = 0

    def _secure(self, wanted):
        """Certificates and ports for the sections [tls] and [websocket], and a listener on IPv6, where a scenario wants them."""
        if wanted.get("sip", {}).pop("ipv6", False):
            wanted["sip"]["listen"] = [f"127.0.0.1:{self.sip_port}", f"[::1]:{self.sip_port}"]
        if "tls" in wanted:
            self.authority = Authority(self.folder)
            certificate, key = self.authority.issue("switch")
            self.tls_port = free_port(udp=False)
            ours = {"listen": [f"127.0.0.1:{self.tls_port}"], "certificate_file": certificate, "key_file": key,
                    "ca_file": self.authority.ca, "client_ca_file": self.authority.ca}
            wanted["tls"] = {**ours, **wanted["tls"]}
        if "websocket" in wanted:
            self.ws_port, self.wss_port = free_port(udp=False), free_port(udp=False)
            ours = {"listen": [f"127.0.0.1:{self.ws_port}"]}
            if self.authority:
                ours["secure_listen"] = [f"127.0.0.1:{self.wss_port}"]
            wanted["websocket"] = {**ours, **wanted["websocket"]}

    def _charge(self, wanted):
        """Where the payment provider will be that a scenario wants, and the secret that is shared with it."""
        self.payment_port, self.payment_secret = None, secrets.token_hex(24)
        if wanted.get("payments", {}).get("provider") == "http":
            self.payment_port = free_port(udp=False)
            file = self.folder / "payment_secret"
            file.write_text(self.payment_secret + "\n")
            file.chmod(0o600)
            wanted["payments"] |= {"url": f"http://127.0.0.1:{self.payment_port}/v1", "secret_file": file}

    @property
    def tls(self):
        """Where PBXs send their requests over TLS."""
        return f"127.0.0.1:{self.tls_port}"

    def start(self):
        """Starts it and waits until it is ready."""
        self.starts += 1
        self.log = self.folder / f"serve.{self.starts}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*self.prefix, BINARY, "serve", "--config", str(self.config)], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

        def is_ready():
            if self.process.poll() is not None:
                tail = self.log.read_text(errors="replace")[-1500:]
                raise RuntimeError(f"tandem serve ended with {self.process.returncode}: {tail}")
            return self.api.is_ready()

        until(is_ready, "tandem serve to be ready", 20)
        return self

    def stop(self):
        """Asks it to end, and makes sure that it does."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("tandem serve did not end within 10 s of SIGTERM") from None

    def kill(self):
        """Ends it at once (`kill -9`)."""
        self.process.kill()
        self.process.wait()

    def is_alive(self):
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def verify_ledger(self):
        """Every balance recomputed from the journal, every unit summing to zero."""
        verified = subprocess.run([BINARY, "ledger", "verify", "--config", str(self.config)], cwd=self.folder,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        said = (verified.stdout + verified.stderr).strip()
        equal(verified.returncode, 0, f"tandem ledger verify ({said[-500:]}) exit code")
        return said

    def expect_no_panic(self):
        """Fails where a thread or an actor has panicked, now or in an earlier life."""
        for number in range(1, self.starts + 1):
            log = (self.folder / f"serve.{number}.log").read_text(errors="replace")
            expect("panicked at" not in log, f"serve.{number}.log tells of a panic: {log[log.find('panicked at'):][:400]}")
