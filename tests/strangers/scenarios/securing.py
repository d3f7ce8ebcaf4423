"""Phones, PBXs and carriers over TLS (T7, S12; RFC 3261 26.2, RFC 5922).

Not here: WebSockets (browsing.py).
"""

import re
import signal
import socket
import ssl

import handmade
import sound
from attackers import request
from certificates import Authority
from phones import Baresip, KamailioTls
from scenarios import scenario
from scenarios.receiving import NUMBER, Outside
from scenarios.registering import state_of
from streams import SecureLine
from waiting import Failure, equal, expect, until
from world import UNITED_STATES

TLS = {"tls": {}}
# Client certificates are asked for, and prove who comes.
KNOWN = {"tls": {"client_certificates": "optional"}}
# Seconds of sound that a phone plays.
PLAYED_S = 3


def phone_over_tls(world, profile, **more):
    """baresip with the authority's certificate alone to believe in, registered over TLS."""
    plays = world.folder / "plays.wav"
    played = sound.sweep(PLAYED_S)
    sound.write_wave(plays, played)
    phone = Baresip(world.folder, world.server.tls, profile, plays, transport="tls",
                    authority=world.server.authority.ca, **more)
    world.agents.append(phone)
    phone.until_registered()
    state = until(lambda: [state for state in [state_of(world, profile)] if state["state"] == "registered"],
                  "the binding by the API")[0]
    equal(state["transport"], "tls", "the binding's transport")
    return phone, played


@scenario(settings=TLS, needs_switch=True)
def a_phone_registers_and_calls_over_tls(world):
    """baresip registers over TLS, calls the echo test and hears itself (T7, S12)."""
    profile = world.profile(credit="0.00")
    phone, played = phone_over_tls(world, profile)
    phone.order("dial", f"sip:*43@{world.server.tls};transport=tls")
    phone.until_event("CALL_ESTABLISHED")

    def has_heard():
        expect(phone.has_event("CALL_CLOSED") or phone.recorded_s() > PLAYED_S * 0.85, f"{phone.recorded_s():.2f} s heard")
        return True

    until(has_heard, "the sweep to be heard", PLAYED_S + 15)
    phone.order("hangup")
    phone.until_event("CALL_CLOSED")
    phone.stop()
    likeness = sound.correlation(played, phone.heard())
    expect(likeness > 0.95, f"what came back is like what was sent by {likeness:.3f}, expected over 0.95")
    world.record(status=200, cause="normal")
    expect(world.api.metric("tandem_sip_tls_handshakes_total", role="server", outcome="ok") >= 1, "no handshake was counted")
    expect(world.api.metric("tandem_sip_tls_certificate_expiry_timestamp_seconds") > 1e9, "no expiry is told")
    until(lambda: world.api.metric("tandem_sip_messages_total", transport="tls", flow="rx") >= 4, "messages over TLS to be counted", 3)


@scenario(settings=TLS, needs_switch=True)
def a_phone_is_called_over_the_connection_that_it_registered_with(world):
    """A carrier calls the number; baresip rings over its own TLS connection, which no new one joins; then the caller hangs up
    (S14, RFC 5626 5.3)."""
    profile = world.profile(credit="0.00")
    world.api.create_number(NUMBER, profile)
    phone, _ = phone_over_tls(world, profile, answers_as=NUMBER[1:])
    before = world.api.metric("tandem_sip_tls_handshakes_total", outcome="ok")
    Outside(world).calls(NUMBER, options=("-d", 1000)).finish()
    phone.until_event("CALL_ESTABLISHED")
    phone.until_event("CALL_CLOSED")
    world.record(status=200, cause="normal")
    equal(world.api.metric("tandem_sip_tls_handshakes_total", outcome="ok"), before, "handshakes")
    phone.stop()


@scenario(settings=TLS, needs_switch=True)
def a_carrier_is_called_over_tls_and_calls_over_tls(world):
    """Kamailio as a carrier over TLS: it is called by a verified connection, and calls a registered PBX (RFC 5922)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    subscriber = world.agent("subscriber", "carrier").listening()
    carrier = KamailioTls(world.folder, world.server.tls, world.server.authority, subscriber.address)
    world.agents.append(carrier)
    secure = world.api.create_carrier("secure", f"127.0.0.1:{carrier.tls_port}", transport="tls")
    world.pbx("call", profile, options=("-d", 300)).finish()
    subscriber.finish()
    equal(world.api.metric("tandem_sip_tls_handshakes_total", role="client", outcome="ok") >= 1, True, "a handshake of ours")
    # Over a stream its calls come from ports of its system's choice: the operator names its address.
    world.api.call("PATCH", f"/carriers/{secure['id']}", {"inbound_sources": ["127.0.0.1"]})
    register = world.pbx("register", profile, name="registers")
    register.finish()
    pbx = world.agent("called", "carrier", port=register.port).listening()
    world.agent("caller", "call", remote=carrier.address, users=[("+447824500000", "[authentication]", NUMBER)],
                opening="{{invite_unchallenged}}", options=("-d", 300)).finish()
    pbx.finish()
    directions = sorted(record["direction"] for record in world.records(2))
    equal(directions, ["inbound", "outbound"], "the records' directions")


@scenario(settings=TLS, needs_switch=True)
def a_carrier_that_cannot_prove_its_name_is_not_called(world):
    """A certificate of the authority that names somebody else: the call is refused, and nothing of it reaches the carrier
    (RFC 5922 7.2)."""
    profile = world.profile()
    carrier = KamailioTls(world.folder, world.server.tls, Impostor(world.server.authority))
    world.agents.append(carrier)
    world.api.create_carrier("impostor", f"127.0.0.1:{carrier.tls_port}", transport="tls")
    world.pbx("refused", profile, final="503").finish()
    expect(world.api.metric("tandem_sip_tls_handshakes_total", role="client", outcome="error") >= 1, "no failure was counted")
    log = world.server.log.read_text(errors="replace")
    expect("127.0.0.1 was to be reached" in log, "the log does not say whom the certificate should have named")


class Impostor:
    """An authority that names its bearer wrongly."""

    def __init__(self, authority):
        self.authority = authority
        self.ca = authority.ca

    def issue(self, name):
        """As the authority, for another name."""
        return self.authority.issue(name, "DNS:carrier.example.net")


@scenario(settings=TLS, needs_switch=True)
def a_renewed_certificate_is_taken_while_calls_go_on(world):
    """SIGHUP: who comes then sees the new certificate, a call that is up goes on; a broken file changes nothing (metric, log)
    (T7)."""
    profile = world.profile()
    carrier = world.carrier()
    pbx = world.pbx("call", profile, options=("-d", 3000))
    world.answered_calls(1)
    first = shown(world)
    world.server.authority.issue("switch", "IP:127.0.0.1,DNS:renewed.example.net")
    world.server.process.send_signal(signal.SIGHUP)
    second = until(lambda: [seen for seen in [shown(world)] if seen != first], "the new certificate", 5)[0]
    (world.server.authority.folder / "switch.pem").write_text("nothing of a certificate")
    world.server.process.send_signal(signal.SIGHUP)
    until(lambda: world.api.metric("tandem_sip_tls_certificate_last_reload_successful") == 0, "the metric to tell of it", 5)
    equal(shown(world), second, "the certificate after a broken one")
    expect(re.search("the old one stays in force", world.server.log.read_text(errors="replace")), "the log says nothing")
    pbx.finish()
    carrier.finish()


@scenario(settings=KNOWN, needs_switch=True)
def a_pbx_is_known_by_the_name_in_its_certificate(world):
    """Kamailio as a PBX without password, at whatever port, with a client certificate that names it: its call goes through, and the trace
    says by which name it was known (RFC 5922 7.1)."""
    profile = world.profile(registration=False, certificates=["sip:PBX.example.com"])
    told = world.profile_now(profile)["credentials"]["authentication"]
    equal(told["certificates"], ["pbx.example.com"], "the names that the API shows")
    carrier = world.carrier()
    pbx = KamailioTls(world.folder, world.server.tls, world.server.authority, names="IP:127.0.0.1,DNS:pbx.example.com")
    world.agents.append(pbx)
    world.agent("caller", "call", remote=pbx.address, users=[(profile["sip_user"], "[authentication]", UNITED_STATES)],
                opening="{{invite_unchallenged}}", options=("-d", 200)).finish()
    carrier.finish()
    record = world.record(status=200, cause="normal")
    first = world.api.get(f"/calls/{record['id']}/trace")["steps"][0]
    equal((first["rule"], first["verdict"], first["seen"]), ("certificate", "passed", "pbx.example.com"), "the first step of the trace")


@scenario(settings=KNOWN, needs_switch=True)
def a_certificate_proves_its_own_bearer_and_nobody_else(world):
    """The right name from another authority, a right certificate of another profile, of nobody, and none: no call is placed
    (RFC 5922 7.1)."""
    profile = world.profile(registration=False, certificates=["pbx.example.com"])
    world.profile("Branch", registration=False, certificates=["other.example.com"])
    authority, forger = world.server.authority, Authority(world.folder / "forger")
    bearers = {"right": authority.issue("right", "DNS:pbx.example.com"), "other": authority.issue("other", "DNS:other.example.com"),
               "nobody": authority.issue("nobody", "DNS:*.example.com,URI:sip:pbx@pbx.example.com"),
               "forged": forger.issue("forged", "DNS:pbx.example.com"), "none": None}
    with handmade.Carrier() as trunk:
        world.api.create_carrier("handmade", trunk.address, priority=1)

        def asked(bearer, number=UNITED_STATES):
            with SecureLine(world.server.tls, authority.ca, bearers[bearer]) as line:
                text = request("INVITE", f"sip:{number}@{world.server.tls}", line.address, user=profile["sip_user"], via=";rport",
                               body=handmade.SDP).replace("SIP/2.0/UDP", "SIP/2.0/TLS")
                return line.ask(text)

        for bearer, status, refusal in (("other", 403, "from_mismatch"), ("nobody", 407, "certificate_unknown"), ("none", 407, "")):
            answer = asked(bearer)
            equal(answer.status, status, f"the answer to the bearer {bearer}")
            expect(refusal in answer.header("Warning"), f"{bearer} was told {answer.header('Warning')}")
        try:
            raise Failure(f"a forged certificate was answered {asked('forged').text}")
        except OSError:
            pass
        # What is no number: who calls is proven, and the call goes nowhere.
        equal(asked("right", "alice").status, 404, "the answer to the right one")
        trunk.socket.settimeout(0.05)
        try:
            raise Failure(f"the carrier got {trunk.socket.recv(100)!r}")
        except TimeoutError:
            pass
    seen = [attempt["steps"][-1] for attempt in world.api.get(f"/profiles/{profile['id']}/attempts")["items"]]
    expect(any(step["rule"] == "certificate" and step["wanted"] == "pbx.example.com" for step in seen), f"the attempts say {seen}")


def shown(world):
    """The certificate that the switch shows who comes now."""
    context = ssl.create_default_context(cafile=str(world.server.authority.ca))
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", world.server.tls_port), 5) as plain:
        with context.wrap_socket(plain) as secured:
            return secured.getpeercert(True)


@scenario(settings={"tls": {"client_certificates": "required", "version_min": "1.3"}}, needs_switch=True)
def only_who_has_a_certificate_comes_in(world):
    """`client_certificates = "required"` and TLS 1.3: openssl's own library comes in with a certificate, and not without
    (T7, RFC 3261 26.3.1)."""
    context = ssl.create_default_context(cafile=str(world.server.authority.ca))
    request = (f"OPTIONS sip:{world.server.tls} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKx;rport\r\n"
               "Max-Forwards: 70\r\nFrom: <sip:a@b.invalid>;tag=1\r\nTo: <sip:b@b.invalid>\r\nCall-ID: options\r\n"
               "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode()

    def asked():
        with socket.create_connection(("127.0.0.1", world.server.tls_port), 5) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                secured.sendall(request)
                return secured.version(), secured.recv(4096)

    try:
        answer = asked()
        if answer[1]:
            raise Failure(f"a stranger without certificate was answered {answer}")
    except (ssl.SSLError, ConnectionError):
        pass
    context.load_cert_chain(*world.server.authority.issue("pbx"))
    version, answer = asked()
    equal(version, "TLSv1.3", "the version")
    expect(answer.startswith(b"SIP/2.0 200"), f"a PBX with a certificate was answered {answer[:40]}")
