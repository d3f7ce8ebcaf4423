"""SIPp as a stranger: expands a scenario, runs the program, reads its statistics.

Not here: what a scenario says (sipp/*.xml, sipp/parts/*) and what it proves (scenarios/*.py).
"""

import csv
import pathlib
import re
import signal
import string
import subprocess

from waiting import Failure, expect, free_media_port, free_port, until

FOLDER = pathlib.Path(__file__).resolve().parent / "sipp"
_PART = re.compile(r"\{\{(\w+)((?:\s+\w+=\"[^\"]*\")*)\}\}")
_VALUE = re.compile(r"(\w+)=\"([^\"]*)\"")

# What a scenario leaves open, and what stands there unless it is said otherwise.
DEFAULTS = {
    "opening": "{{invite}}",
    "cseq": "3",
    "final": "200",
    "phrase": "",
    "headers": "",
    "check": "",
    "sdp": "{{sdp}}",
    "answer": "{{sdp_answer}}",
    "allow": "INVITE, ACK, BYE, CANCEL, OPTIONS",
    "media_ip": "[media_ip]",
    "media_port": "[media_port]",
    "ring_ms": "0",
    "hold_ms": "0",
    "method": "INVITE",
    "expires": "3600",
    "contact_params": "",
    "contact_transport": ";transport=[transport]",
    "from_user": "[field0]",
    "media": "",
    "credentials": "",
    "bye_check": "",
    "again_headers": "",
    "again_sdp": "{{sdp}}",
    "again_check": "",
    "after_again": "{{ack cseq=\"3\"}}",
    "status": "180 Ringing",
    "change_status": "200 OK",
    "change_check": "",
    "change_sdp": "",
    "flow": "sendrecv",
    "formats": "0 8 101",
}


def expand(name, **values):
    """The scenario `sipp/NAME.xml` with its parts put in and its `$names` replaced."""

    def put_in(text, values, depth):
        expect(depth < 8, f"{name}: parts are nested without end")

        def part(match):
            own = dict(values, **dict(_VALUE.findall(match.group(2))))
            text = (FOLDER / "parts" / match.group(1)).read_text()
            return put_in(text, own, depth + 1).rstrip("\n")

        # Values may bring parts in, and parts values: each round does both.
        text = _PART.sub(part, text)
        text = string.Template(text).safe_substitute(values)
        return put_in(text, values, depth + 1) if _PART.search(text) else text

    scenario = put_in((FOLDER / f"{name}.xml").read_text(), dict(DEFAULTS, **values), 0)
    # SIPp refuses a variable that is set and never read.
    variables = sorted({one for names in re.findall(r'assign_to="([^"]+)"', scenario) for one in names.split(",")})
    if variables:
        scenario = scenario.replace("</scenario>", f'  <Reference variables="{",".join(variables)}"/>\n</scenario>')
    return scenario


def sip_headers(*lines):
    """Header lines for `$headers`, each on its own line and the block ended."""
    return "".join(f"{line}\n" for line in lines)


def check_header(header, expression, variable):
    """A SIPp action that fails the call unless the header of the message just received matches."""
    return (
        f'<action><ereg regexp="{expression}" search_in="hdr" header="{header}:" check_it="true" '
        f'assign_to="{variable}"/></action>'
    )


class Sipp:
    """One running SIPp: a PBX that places calls, or a carrier that takes them."""

    def __init__(self, folder, name, scenario, remote=None, calls=1, users=None, rate=10, period_ms=1000,
                 limit=None, timeout_s=30, transport="u1", echo=False, trace=True, port=None, options=(),
                 prefix=(), ip="127.0.0.1", **values):
        self.name = name
        self.ip = ip
        self.port = port or free_port()
        self.media_port = free_media_port()
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.timeout_s = timeout_s
        self.scenario = self.folder / f"{scenario}.xml"
        self.scenario.write_text(expand(scenario, **values))
        command = [*prefix, "sipp"]
        if remote:
            command.append(remote)
        command += ["-sf", str(self.scenario), "-i", ip, "-p", str(self.port)]
        command += ["-mi", ip, "-mp", str(self.media_port), "-t", transport]
        command += ["-nostdin", "-trace_stat", "-stf", str(self.folder / "stat.csv"), "-fd", "1"]
        command += ["-trace_err", "-error_file", str(self.folder / "errors.log"), "-recv_timeout", str(timeout_s * 1000)]
        command += ["-timeout", f"{timeout_s}s", "-timeout_error", "-trace_logs", "-log_file", str(self.folder / "log")]
        command += ["-trace_rtt", "-rtt_freq", "1"]
        if trace:
            command += ["-trace_msg", "-message_file", str(self.folder / "messages.log")]
        if calls is not None:
            command += ["-m", str(calls)]
        if users:
            self.users = self.folder / "users.csv"
            self.users.write_text("SEQUENTIAL\n" + "".join(";".join(row) + "\n" for row in users))
            command += ["-inf", str(self.users)]
        if remote:
            command += ["-r", str(rate), "-rp", str(period_ms), "-l", str(limit or calls or 1)]
        if echo:
            command.append("-rtp_echo")
        command += [str(option) for option in options]
        self.command = command
        (self.folder / "command").write_text(" ".join(command) + "\n")
        self.output = open(self.folder / "screen.log", "wb")
        # In a folder of its own: SIPp writes its response times where it stands.
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT)

    @property
    def address(self):
        """Where it listens."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    def listening(self):
        """Waits until it can be spoken to."""
        wanted = f":{self.port:04X} "

        def is_bound():
            expect(self.process.poll() is None, f"{self.name} ended at once: {self.complaint()}")
            # Its own tables: it may be in another network.
            tables = f"/proc/{self.process.pid}/net"
            return any(wanted in pathlib.Path(tables, kind).read_text() for kind in ("udp", "tcp", "udp6", "tcp6"))

        until(is_bound, f"{self.name} to listen at {self.address}")
        return self

    def finish(self, deadline_s=None):
        """Waits until every call is through, and fails unless all went as the scenario says."""
        statistics = self.end(deadline_s)
        code = self.process.returncode
        if code != 0:
            raise Failure(f"{self.name}: {self.scenario.name} ended with {code}, {statistics}: {self.complaint()}")
        return statistics

    def served(self, calls, deadline_s=10):
        """Waits until counter 1 has seen so many calls, ends it, and fails unless all went as the scenario says."""
        until(lambda: self.statistics().counter(1) >= calls, f"{self.name} to have served {calls} calls", deadline_s)
        statistics = self.stop()
        if (statistics.counter(1), statistics.failed) != (calls, 0):
            raise Failure(f"{self.name}: {self.scenario.name}: {statistics}: {self.complaint()}")
        return statistics

    def end(self, deadline_s=None):
        """Waits until the program ends, however it ended."""
        try:
            self.process.wait(deadline_s or self.timeout_s + 10)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Failure(f"{self.name}: {self.scenario.name} did not end: {self.statistics()}: {self.complaint()}") from None
        self.output.close()
        return self.statistics()

    def stop(self):
        """Asks it to end (it writes its statistics first), and makes sure that it does."""
        for order in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGKILL):
            if self.process.poll() is not None:
                break
            self.process.send_signal(order)
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                continue
        self.output.close()
        return self.statistics()

    def kill(self):
        """Ends it at once, as a power cut would."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def statistics(self):
        """Calls begun, successful and failed, retransmissions, and the scenario's own counters."""
        try:
            with open(self.folder / "stat.csv", newline="") as file:
                rows = [row for row in csv.reader(file, delimiter=";") if len(row) > 10]
        except OSError:
            rows = []
        if len(rows) < 2:
            return Statistics(0, 0, 0, 0, {})
        last = dict(zip(rows[0], rows[-1]))
        counters = {key[: -len("(C)")]: int(value) for key, value in last.items()
                    if key.startswith("GenericCounter") and key.endswith("(C)") and value.isdigit()}
        return Statistics(int(last["TotalCallCreated"]), int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]),
                          int(last["Retransmissions(C)"]), counters)

    def response_times_ms(self, name):
        """How long each of what the scenario calls `name` took."""
        times = []
        for file in self.folder.glob("*_rtt.csv"):
            for row in csv.reader(file.open(newline=""), delimiter=";"):
                if len(row) >= 3 and row[2].strip() == str(name):
                    times.append(float(row[1]))
        return times

    def logged(self):
        """What the scenario wrote with <log>."""
        try:
            return (self.folder / "log").read_text().splitlines()
        except OSError:
            return []

    def messages(self):
        """Everything sent and received, as text."""
        try:
            return (self.folder / "messages.log").read_text(errors="replace")
        except OSError:
            return ""

    def complaint(self):
        """The first of what it found wrong, short."""
        try:
            text = (self.folder / "errors.log").read_text(errors="replace").strip()
        except OSError:
            text = ""
        text = text or (self.folder / "screen.log").read_text(errors="replace")[-600:].strip()
        return " ".join(text.split())[:700] or "it left no complaint"


class Statistics:
    """What SIPp counted, up to now."""

    def __init__(self, begun, successful, failed, retransmissions, counters):
        self.begun = begun
        self.successful = successful
        self.failed = failed
        self.retransmissions = retransmissions
        self.counters = counters

    def counter(self, number):
        """The scenario's own counter of this number."""
        return self.counters.get(f"GenericCounter{number}", 0)

    def __repr__(self):
        return (f"{self.begun} begun, {self.successful} successful, {self.failed} failed, "
                f"{self.retransmissions} retransmissions")
