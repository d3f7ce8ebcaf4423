"""baresip and linphone as phones and Kamailio as a registering PBX, each as a process with a configuration of its own.

Not here: SIPp (sipp_agent.py).
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

import sound
from waiting import Failure, ended, expect, free_port, until

HERE = pathlib.Path(__file__).resolve().parent
DEBIAN_DBTEXT = pathlib.Path("/usr/share/kamailio/dbtext/kamailio")


class Baresip:
    """A phone that plays a wave file and records what it hears, told what to do over its control socket.

    Recorded is what its decoder gives (module `sndfile`), not what its loudspeaker gets: on a busy machine the sound card
    that is none runs dry, and the sound has gaps that the network did not have.
    """

    def __init__(self, folder, server, profile, plays, account="", answers_as=None, name="baresip", rtp="33000-34000",
                 transport="udp", authority=None, place=None, ip="127.0.0.1"):
        """`account`: further parameters of its accounts. `answers_as`: a user under which it takes calls, at once and without
        registering; without a profile that is all it does. `place`: another network that it is in (distance.py)."""
        self.folder = pathlib.Path(folder) / name
        self.recordings = self.folder / "recordings"
        self.recordings.mkdir(parents=True)
        control = free_port(udp=False)
        ip = place.ip if place else ip
        self.place = place
        self.address = f"{f'[{ip}]' if ':' in ip else ip}:{free_port(with_next=True)}"
        modules = next((path for path in ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules",
                                          "/usr/lib/aarch64-linux-gnu/baresip/modules") if os.path.isdir(path)), None)
        expect(modules, "baresip's modules were not found")
        (self.folder / "config").write_text("\n".join([
            f"sip_listen {self.address}",
            f"module_path {modules}",
            f"audio_source aufile,{plays}",
            "audio_player aubridge,nobody",
            "audio_alert aubridge,alert",
            "ausrc_srate 8000",
            "auplay_srate 8000",
            f"rtp_ports {rtp}",
            # None: what comes late on a busy machine, in a burst, is heard too.
            "jitter_buffer_delay 0-0",
            f"net_interface {ip}",
            # Relative: of a path longer than 127 bytes baresip cuts the end off, and the recordings lose their names.
            f"snd_path {self.recordings.name}",
            "module g711.so",
            "module aufile.so",
            "module aubridge.so",
            "module sndfile.so",
            "module srtp.so",
            "module_tmp account.so",
            "module_app menu.so",
            "module_app ctrl_tcp.so",
            f"ctrl_tcp_listen 127.0.0.1:{control}",
            *([f"sip_cafile {authority}"] if authority else []),
            "",
        ]))
        accounts = []
        if profile:
            user, password = profile["sip_user"], profile["sip_password"]
            way = "" if transport == "udp" else f";transport={transport}"
            accounts.append(f"<sip:{user}@{server}{way}>;auth_user={user};auth_pass={password};regint=60;audio_codecs=PCMU{account}")
        if answers_as:
            accounts.append(f"<sip:{answers_as}@{self.address}>;regint=0;answermode=auto;audio_codecs=PCMU{account}")
        (self.folder / "accounts").write_text("\n".join([*accounts, ""]))
        (self.folder / "contacts").write_text("")
        self.log = open(self.folder / "log", "wb")
        prefix = place.prefix if place else []
        self.process = subprocess.Popen([*prefix, "baresip", "-f", str(self.folder)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT)
        self.events = []
        self.rest = b""
        self.control = until(lambda: self._connect(control), "baresip's control socket")

    def _connect(self, port):
        expect(self.process.poll() is None, "baresip ended at once")
        if not self.place:
            return socket.create_connection(("127.0.0.1", port), 1)
        line = self.place.socket(socket.SOCK_STREAM)
        line.settimeout(1)
        line.connect(("127.0.0.1", port))
        return line

    def order(self, command, params=""):
        """Sends a command."""
        text = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        self.control.sendall(str(len(text)).encode() + b":" + text + b",")

    def until_registered(self):
        """Waits until the switch has accepted it."""
        until(lambda: re.search(r"200 OK .*\[[0-9]+ binding", (self.folder / "log").read_text(errors="replace")),
              "baresip to be registered")

    def until_event(self, kind, deadline_s=10):
        """Waits for an event of this type, such as REGISTER_OK or CALL_ESTABLISHED."""

        def has_come():
            return self.has_event(kind) or expect(False, str([event.get("type") for event in self.events]))

        until(has_come, f"baresip's {kind}", deadline_s)

    def has_event(self, kind):
        """Whether an event of this type has come."""
        self._read()
        return any(event.get("type") == kind for event in self.events)

    def _read(self):
        self.control.settimeout(0.05)
        try:
            self.rest += self.control.recv(65536)
        except TimeoutError:
            pass
        while b":" in self.rest:
            length, _, body = self.rest.partition(b":")
            if len(body) <= int(length):
                break
            self.events.append(json.loads(body[: int(length)]))
            self.rest = body[int(length) + 1:]

    def _recording(self, of="dec"):
        """The longest, if its sound was set up more than once."""
        return max(self.recordings.glob(f"*-{of}.wav"), key=lambda path: path.stat().st_size, default=None)

    def recorded_s(self, of="dec"):
        """Seconds of sound that it has written down so far: what it decoded, or (`enc`) what it sent."""
        recording = self._recording(of)
        return sound.wave_seconds(recording) if recording else 0

    def heard(self):
        """What it heard, as samples; to be asked when it has hung up."""
        return sound.read_wave(self._recording())

    def stop(self):
        """Ends it."""
        ended(self.process, 5)
        self.log.close()


def have_a_way_out():
    """Linphone takes a machine without a default route for one that is offline, and closes its connections after five seconds: where the
    scenario has a network of its own, that gets a route which leads nowhere."""
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        return
    for order in ("address replace 192.0.2.77/32 dev lo", "route replace default dev lo src 192.0.2.77"):
        subprocess.run(["ip", *order.split()], check=True, capture_output=True)


class Linphone:
    """Linphone's command line as a phone that insists on SRTP, plays a wave file and records what it hears; registers with the
    switch, and is told what to do over its standard input."""

    def __init__(self, folder, server, profile, realm, plays, rtp_port=37_000, authority=None):
        """`authority`: over TLS, and it believes in this one alone."""
        if authority:
            have_a_way_out()
        self.folder = pathlib.Path(folder) / "linphone"
        # Without a place for its database it does not start.
        (self.folder / ".local" / "share" / "linphone").mkdir(parents=True)
        self.recording = self.folder / "heard.wav"
        self.port = free_port()
        user, password = profile["sip_user"], profile["sip_password"]
        way = ";transport=tls" if authority else ""
        # The name in the certificate is an address, which linphone's library does not compare.
        ports = [f"sip_port={self.port}", "sip_tcp_port=0", "sip_tls_port=0"] if not authority else [
            "sip_port=0", "sip_tcp_port=0", f"sip_tls_port={self.port}", f"root_ca={authority}", "verify_server_certs=1",
            "verify_server_cn=0"]
        (self.folder / "rc").write_text("\n".join([
            "[sip]", *ports, "bind_address=127.0.0.1",
            "guess_hostname=0", "media_encryption=srtp", "media_encryption_mandatory=1", "default_proxy=0",
            "srtp_crypto_suites=AES_CM_128_HMAC_SHA1_80",
            "[proxy_0]", f"reg_proxy=<sip:{server}{way}>", f"reg_identity=sip:{user}@{server.split(':')[0]}", "reg_expires=60",
            "reg_sendregister=1", "publish=0",
            "[auth_info_0]", f"username={user}", f"passwd={password}", f"realm={realm}", f"domain={server.split(':')[0]}",
            "[rtp]", f"audio_rtp_port={rtp_port}",
            "[audio_codec_0]", "mime=PCMU", "rate=8000", "channels=1", "enabled=1",
            "[net]", "[sound]", "echocancellation=0", ""]))
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["linphonec", "-c", str(self.folder / "rc")], cwd=self.folder,
                                        stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, "HOME": str(self.folder)})
        for command in ("soundcard use files", f"play {plays}", f"record {self.recording.name}"):
            self.order(command)

    def order(self, command):
        """Types a command."""
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()

    def until_said(self, expression, what, deadline_s=15):
        """Waits until it has said so."""
        until(lambda: re.search(expression, (self.folder / "log").read_text(errors="replace")), what, deadline_s)

    def recorded_s(self):
        """Seconds of sound that it has written down so far."""
        return sound.wave_seconds(self.recording) if self.recording.exists() else 0

    def heard(self):
        """What it heard, as samples; to be asked when it has ended."""
        return sound.read_wave(self.recording)

    def stop(self):
        """Ends it."""
        if self.process.poll() is None:
            try:
                self.order("quit")
                self.process.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.log.close()


class KamailioPbx:
    """Kamailio that registers with the switch (module uac), sends on what its own phones dial, with credentials, and lets the
    phone at `phone` ring when the switch calls."""

    def __init__(self, folder, server, profile, realm, phone="127.0.0.1:9"):
        self.folder = pathlib.Path(folder) / "kamailio_pbx"
        tables = self.folder / "db"
        tables.mkdir(parents=True)
        self.port = free_port()
        user, password = profile["sip_user"], profile["sip_password"]
        escaped = server.replace(":", "\\:")
        (tables / "version").write_text("table_name(string) table_version(int)\nuacreg:5\n")
        (tables / "uacreg").write_text(
            "id(int,auto) l_uuid(string) l_username(string) l_domain(string) r_username(string) r_domain(string) "
            "realm(string) auth_username(string) auth_password(string) auth_ha1(string,null) auth_proxy(string) "
            "expires(int) flags(int) reg_delay(int) contact_addr(string) socket(string,null)\n"
            f"1:trunk:{user}:127.0.0.1:{user}:{escaped}:{realm}:{user}:{password}::sip\\:{escaped}:60:0:0:"
            f"127.0.0.1\\:{self.port}:\n")
        config = (HERE / "kamailio_pbx.cfg").read_text()
        ip, port = server.rsplit(":", 1)
        for name, value in (("SWITCH_IP", ip), ("SWITCH_PORT", port), ("PORT", self.port), ("SWITCH", server),
                            ("USER", user), ("PASSWORD", password), ("REALM", realm), ("PHONE", phone), ("TABLES", tables),
                            ("MODULES", kamailio_modules())):
            config = config.replace(f"@{name}@", str(value))
        (self.folder / "kamailio.cfg").write_text(config)
        self.process = start_kamailio(self.folder)

    @property
    def address(self):
        """Where its phones send."""
        return f"127.0.0.1:{self.port}"

    def stop(self):
        """Ends it."""
        ended(self.process, 5)


class KamailioTls:
    """Kamailio between the switch (TLS) and a subscriber of its own (UDP)."""

    def __init__(self, folder, switch, authority, subscriber="127.0.0.1:9", names=None):
        self.folder = pathlib.Path(folder) / "kamailio_tls"
        self.folder.mkdir(parents=True)
        self.port, self.tls_port = free_port(), free_port(udp=False)
        certificate, key = authority.issue("kamailio", names) if names else authority.issue("kamailio")
        tls = self.folder / "tls.cfg"
        tls.write_text("\n".join([
            "[server:default]", "method = TLSv1.2+", f"certificate = {certificate}", f"private_key = {key}",
            "[client:default]", "method = TLSv1.2+", "verify_certificate = yes", "require_certificate = yes",
            f"ca_list = {authority.ca}", f"certificate = {certificate}", f"private_key = {key}", ""]))
        config = (HERE / "kamailio_tls.cfg").read_text()
        for name, value in (("PORT", self.port), ("TLS_PORT", self.tls_port), ("SWITCH", switch), ("SUBSCRIBER", subscriber),
                            ("TLS_CONFIG", tls), ("MODULES", kamailio_modules())):
            config = config.replace(f"@{name}@", str(value))
        (self.folder / "kamailio.cfg").write_text(config)
        self.process = start_kamailio(self.folder)
        until(lambda: socket.create_connection(("127.0.0.1", self.tls_port), 1).close() is None, "Kamailio's TLS port")

    @property
    def address(self):
        """Where its subscriber sends."""
        return f"127.0.0.1:{self.port}"

    def stop(self):
        """Ends it."""
        ended(self.process, 5)


class KamailioTrunk:
    """Kamailio as a carrier that knows its customer by a password: it wants REGISTER, and challenges every INVITE and BYE."""

    def __init__(self, folder, server, user, password, subscriber="127.0.0.1:9", service_route=""):
        self.folder = pathlib.Path(folder) / "kamailio_trunk"
        self.folder.mkdir(parents=True)
        self.port = free_port()
        config = (HERE / "kamailio_trunk.cfg").read_text()
        for name, value in (("SWITCH_PORT", server.rsplit(":", 1)[1]), ("PORT", self.port), ("USER", user), ("PASSWORD", password),
                            ("REALM", "carrier.example"), ("SUBSCRIBER", subscriber), ("SERVICE_ROUTE", service_route),
                            ("MODULES", kamailio_modules())):
            config = config.replace(f"@{name}@", str(value))
        (self.folder / "kamailio.cfg").write_text(config)
        self.process = start_kamailio(self.folder)
        wanted = f":{self.port:04X} "
        until(lambda: wanted in pathlib.Path("/proc/net/udp").read_text(), "Kamailio to listen")

    @property
    def address(self):
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def said(self, expression):
        """What it has written that matches."""
        return re.findall(expression, (self.folder / "log").read_text(errors="replace"))

    def stop(self):
        """Ends it."""
        ended(self.process, 5)


def kamailio_modules():
    """Where Debian keeps Kamailio's modules on this machine."""
    for path in pathlib.Path("/usr/lib").glob("*/kamailio/modules"):
        return f"{path}/"
    raise Failure("Kamailio's modules were not found below /usr/lib")


def start_kamailio(folder, *more):
    """Kamailio with `kamailio.cfg` of the folder; it ends with its process group."""
    program = shutil.which("kamailio") or "/usr/sbin/kamailio"
    log = open(folder / "log", "wb")
    command = [program, "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-Y", str(folder), "-w", str(folder), *more]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                            start_new_session=True)
