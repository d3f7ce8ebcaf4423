"""Attacks by who can send and read, but knows no password: none succeeds, and the victim's call goes on and is billed right.

Not here: limits of calls (crowding.py). Other hosts are other addresses of loopback.
"""

import random
import socket
import statistics
import subprocess
import time

import handmade
from attackers import (ANOTHER, STRANGER, THIRD, Attacker, OverheardCaller, RingingCarrier, credentials, guess, overheard, request,
                       shape)
from changing_ends import description, hang_up, sound_of
from scenarios import scenario
from scenarios.changing import Call
from server import BINARY
from sound import FRAME, HEADER
from waiting import Failure, equal, expect, until

# As an operator has it whose PBXs are elsewhere: this machine is nobody special.
GUARDED = {"guard": {"trusted": []}}
NUMBER = "+12025550123"


def server_of(world):
    """Where the switch takes datagrams."""
    host, port = world.server.sip.split(":")
    return host, int(port)


def goes_on(world, call):
    """Both ends of the victim's call hear each other now; then it ends as it should, and is billed once."""
    now = time.monotonic()
    until(lambda: call.pbx_sound.first_after(now, call.carrier_sound.ssrc), "sound at the PBX", 2)
    until(lambda: call.carrier_sound.first_after(now, call.pbx_sound.ssrc), "sound at the carrier", 2)
    hang_up(call.pbx, call.carrier)
    world.settled(call.profile, spent="0.01")
    world.record(status=200, amount="0.01")


def packet(number, ssrc):
    """A packet of sound."""
    return HEADER.pack(0x80, 0, number & 0xFFFF, number * FRAME & 0xFFFFFFFF, ssrc) + bytes(FRAME)


@scenario(needs_switch=True)
def sound_of_a_third_party_is_not_relayed_and_diverts_nothing(world):
    """RTP from a third host and from a third port, with the victim's own SSRC and numbers: nobody hears it, nothing goes there (must-show 6)."""
    with Call(world) as call, Attacker() as far, Attacker("127.0.0.1") as near:
        ports = [sound_of(call.pbx.answer), sound_of(call.carrier.offer)]
        ssrcs = (call.pbx_sound.ssrc, call.carrier_sound.ssrc, 0xE)
        for number in range(60):
            for attacker in (far, near):
                for port in ports:
                    for ssrc in ssrcs:
                        attacker.socket.sendto(packet(30_000 + number, ssrc), port)
        discarded = lambda: world.api.metric("tandem_rtp_packets_discarded_total", reason="unknown_source") >= 600
        until(discarded, "the packets to be counted as of an unknown source", 5)
        for stream in (call.pbx_sound, call.carrier_sound):
            strays = [key for key in stream.heard if key[0] == 0xE or key[1] >= 30_000]
            equal(strays, [], "packets of a third party that were heard")
        equal((far.answers(0.05), near.answers(0.05)), ([], []), "what was sent to the third parties")
        goes_on(world, call)


def in_dialog_from_elsewhere(world, *methods, body=""):
    """Requests inside the dialog of either side from another host are refused, and the call goes on."""
    with Call(world) as call, Attacker() as attacker:
        for side in (call.pbx, call.carrier):
            for method in methods:
                refused = attacker.ask(server_of(world), overheard(side, attacker, method, body))
                equal(refused.status, 403, f"the answer to a {method} that was overheard")
        equal(attacker.answers(0.1), [], "what else was sent to the attacker")
        goes_on(world, call)


@scenario(needs_switch=True)
def a_forged_bye_ends_nothing(world):
    """BYE with the right tags and CSeq from another host, in both dialogs: 403, and the call goes on (RFC 3261 26.1.4)."""
    in_dialog_from_elsewhere(world, "BYE")


@scenario(needs_switch=True)
def a_forged_re_invite_diverts_no_sound(world):
    """A re-INVITE and an UPDATE with the right tags and an attacker's description: 403, no sound goes there (RFC 3261 26.1.4)."""
    with Attacker() as ear:
        to_ear = description(int(ear.address.split(":")[1]), address=STRANGER)
        in_dialog_from_elsewhere(world, "INVITE", "UPDATE", body=to_ear)
        equal(ear.answers(0.05), [], "sound that came to the attacker")


@scenario(needs_switch=True)
def a_forged_cancel_cancels_nothing(world):
    """CANCEL with the right branch from another host while it rings: 481; the call is answered, goes on, and is billed (RFC 3261 9.2)."""
    profile = world.profile()
    seen = []

    def cancel():
        text = line.last("INVITE").replace("INVITE ", "CANCEL ", 1).replace("CSeq: 2 INVITE", "CSeq: 2 CANCEL")
        head = [one for one in text.split("\r\n\r\n")[0].split("\r\n") if not one.startswith(("Content-", "Proxy-Auth"))]
        seen.append(attacker.ask(server_of(world), "\r\n".join([*head, "Content-Length: 0"]) + "\r\n\r\n").status)

    with OverheardCaller(world.server.sip, profile) as line, RingingCarrier(cancel) as trunk, Attacker() as attacker:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        pbx, carrier = line.call(NUMBER, trunk)
        equal(seen, [481], "the answers to the CANCEL of another host")
        hang_up(pbx, carrier)
    world.settled(profile, spent="0.01")
    world.record(status=200, amount="0.01")


@scenario(needs_switch=True)
def a_forged_ack_diverts_no_sound(world):
    """The answer to a late offer in an ACK from another host is not heard: the call goes the way of the right ACK (RFC 3264 5)."""
    profile = world.profile()
    with OverheardCaller(world.server.sip, profile) as line, handmade.Carrier() as trunk, Attacker() as attacker:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        send = line.send

        def send_after_the_forger(peer, start, headers, body=""):
            if start.startswith("ACK ") and body:
                forged = body.replace("IN IP4 127.0.0.1", f"IN IP4 {STRANGER}").replace(" 9 ", f" {attacker.address.split(':')[1]} ")
                head = [one.replace(line.address, attacker.address) if one.startswith("Via:") else one for one in headers]
                text = "\r\n".join([start, *head, "Content-Type: application/sdp", f"Content-Length: {len(forged)}"])
                attacker.throw(peer, text + "\r\n\r\n" + forged)
                strays = lambda: world.api.metric("tandem_sip_stray_messages_total", kind="ack") >= 1
                until(strays, "the forged ACK to be counted as a stray", 5)
            send(peer, start, headers, body)

        line.send = send_after_the_forger
        pbx, carrier = line.call(NUMBER, trunk, is_late=True)
        carrier.line.socket.sendto(packet(1, 0xB), sound_of(carrier.offer))
        equal(attacker.answers(0.1), [], "what came to the attacker")
        hang_up(pbx, carrier)
    world.settled(profile, spent="0.01")


def contact_of(world, profile):
    """Where the API says that a PBX is registered."""
    return world.profile_now(profile)["credentials"]["registration"]["contact"]


@scenario(needs_switch=True)
def a_registration_is_not_hijacked(world):
    """REGISTER for a PBX without a password, with another profile's, with one overheard, from any host: its binding stays (RFC 3261 26.1.1)."""
    victim, thief = world.profile(), world.profile(name="Thief")
    peer = server_of(world)
    with OverheardCaller(world.server.sip, victim) as pbx, Attacker() as far, Attacker("127.0.0.1") as near:
        equal(pbx.register(None).status, 200, "the answer to the PBX's own REGISTER")
        home = contact_of(world, victim)
        expect(pbx.address in home, f"the PBX is registered at {home}")
        to, uri = f"sip:{victim['sip_user']}@{world.server.sip}", f"sip:{world.server.sip}"
        for attacker in (far, near):
            bare = request("REGISTER", uri, attacker.address, user=victim["sip_user"], to=to, via=";rport")
            challenged = attacker.ask(peer, bare)
            equal(challenged.status, 401, "a REGISTER without a password")
            # The thief's own password, for the victim's address of record.
            call_id = "thief" + attacker.address
            proof = credentials(attacker.ask(peer, request("REGISTER", uri, attacker.address, to=to, call_id=call_id, via=";rport")),
                                thief["sip_user"], thief["sip_password"], "REGISTER", uri)
            foreign = request("REGISTER", uri, attacker.address, proof, user=victim["sip_user"], to=to, call_id=call_id, cseq=2,
                              via=";rport")
            equal(attacker.ask(peer, foreign).status, 403, "a REGISTER with another profile's password")
            # What was overheard, with a Contact of the attacker's own: the digest says nothing of it.
            copied = pbx.last("REGISTER").replace(f"@{pbx.address}>", f"@{attacker.address}>")
            copied = copied.replace(f"UDP {pbx.address};branch=", f"UDP {attacker.address};rport;branch=z9hG4bKx")
            expect(attacker.ask(peer, copied).status in (401, 482), "a REGISTER with an overheard digest was taken")
            copied = copied.replace("Call-ID: ", f"Call-ID: {attacker.address}")
            equal(attacker.ask(peer, copied).status, 401, "a REGISTER with an overheard digest and a Call-ID of its own")
            equal(contact_of(world, victim), home, "where the PBX is registered")
        away = request("REGISTER", uri, far.address, "Expires: 0", user=victim["sip_user"], to=to, via=";rport")
        away = away.replace(f"Contact: <sip:{victim['sip_user']}@{far.address}>", "Contact: *")
        equal(far.ask(peer, away).status, 401, "a REGISTER that removes the binding")
        equal(contact_of(world, victim), home, "where the PBX is registered")


@scenario(needs_switch=True)
def an_overheard_digest_places_no_call(world):
    """An INVITE with a digest that was overheard, to the same number, from any host: challenged again, one call alone (RFC 7616 5.4)."""
    profile = world.profile()
    with OverheardCaller(world.server.sip, profile) as line, handmade.Carrier() as trunk:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        pbx, carrier = line.call(NUMBER, trunk)
        for host in (STRANGER, "127.0.0.1"):
            with Attacker(host) as attacker:
                for number in range(3):
                    text = line.last("INVITE").replace(line.address, attacker.address)
                    text = text.replace("branch=z9hG4bK", f"branch=z9hG4bK{number}").replace("Call-ID: ", f"Call-ID: x{number}", number)
                    refused = attacker.ask(server_of(world), text)
                    expect(refused.status in (407, 482), f"a replayed INVITE from {host} was answered {refused.status}")
        hang_up(pbx, carrier)
    world.settled(profile, spent="0.01")
    world.record(status=200)


@scenario(needs_switch=True)
def answers_do_not_tell_who_exists(world):
    """OPTIONS, REGISTER and INVITE for a user that is and for one that is not, without, with a wrong password: word for word alike (must-show 6)."""
    known, peer = world.profile()["sip_user"], server_of(world)
    unknown = str(int(known) + 7_000)
    with Attacker() as attacker:
        for method in ("OPTIONS", "REGISTER", "INVITE"):
            uri = f"sip:{world.server.sip}"
            told = []
            for user in (known, unknown):
                target = f"sip:{user}@{world.server.sip}" if method != "REGISTER" else uri
                text = request(method, target, attacker.address, user=user, to=f"sip:{user}@{world.server.sip}", via=";rport")
                told.append(shape(attacker.ask(peer, text)))
            equal(told[0], told[1], f"the answers to {method}")
        for method, uri in (("REGISTER", None), ("INVITE", f"sip:{NUMBER}@{world.server.sip}")):
            told = [guess(attacker, peer, user, method=method, uri=uri) for user in (known, unknown)]
            equal([answer.status for answer in told], [403, 403], f"the answers to {method} with a wrong password")
            equal(shape(told[0]), shape(told[1]), f"the words of the answers to {method} with a wrong password")


# Of each kind: a guesser who is not trusted is banned after ten.
PROBES = 400


def likelihood(first, second):
    """How likely a value of the first is above one of the second; 0.5 where nobody can tell them apart (Mann-Whitney)."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, kind) in enumerate(ranked, 1) if kind == 0)
    return (ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))


@scenario(needs_switch=True, measures="microseconds")
def times_do_not_tell_who_exists(world):
    """400 wrong passwords for users that are and 400 for ones that are not, mixed: nobody is told by the time of a 403 which they are (must-show 6)."""
    seed = 11
    profiles, peer = [world.profile(name=f"Office {number}") for number in range(4)], server_of(world)
    known = [profile["sip_user"] for profile in profiles]
    unknown = [str(int(user) + 7_000) for user in known]
    probes = [(kind, (known, unknown)[kind][number % 4]) for number in range(PROBES) for kind in (0, 1)]
    random.Random(seed).shuffle(probes)
    for method, uri in (("REGISTER", f"sip:{world.server.sip}"), ("INVITE", f"sip:{NUMBER}@{world.server.sip}")):
        took = ([], [])
        with Attacker() as attacker:
            first = request(method, uri, attacker.address, via=";rport")
            challenged = attacker.ask(peer, first)
            for count, (kind, user) in enumerate(probes, 1):
                # A challenge is good for as many tries as there are: only a right password uses it up.
                proof = credentials(challenged, user, "wrong", method, uri, count)
                text = request(method, uri, attacker.address, proof, user=user, to=f"sip:{user}@{world.server.sip}", via=";rport",
                               call_id=f"{count}.{method}").encode()
                began = time.perf_counter()
                attacker.throw(peer, text)
                attacker.socket.recv(65535)
                took[kind].append(time.perf_counter() - began)
        above = likelihood(*took)
        medians = [statistics.median(one) * 1e6 for one in took]
        print(f"  {method}, seed {seed}: medians {medians[0]:.0f} and {medians[1]:.0f} us, likelihood {above:.3f}")
        # The deviation of the likelihood is 0.02 at 400 of each.
        expect(0.4 < above < 0.6, f"{method}: who exists is told by the time with likelihood {above:.3f}; medians {medians} us")


@scenario(needs_switch=True)
def headers_do_not_make_a_pbx(world):
    """INVITEs that claim the address of a PBX with IP authentication in every header there is, from elsewhere: 407 (S3)."""
    with Attacker("127.0.0.1") as pbx, handmade.Carrier() as trunk, Attacker() as far, Attacker("127.0.0.1") as other_port:
        host, port = pbx.address.split(":")
        profile = world.profile(ip=[(host, int(port))], registration=False)
        world.api.create_carrier("handmade", trunk.address, priority=1)
        uri = f"sip:{NUMBER}@{world.server.sip}"
        claims = [f"X-Forwarded-For: {host}", f"X-Real-IP: {host}", f"Forwarded: for={pbx.address}", f"Record-Route: <sip:{pbx.address};lr>",
                  f"P-Asserted-Identity: <sip:{profile['sip_user']}@{host}>", f"Remote-Party-ID: <sip:{profile['sip_user']}@{host}>",
                  f"P-Charging-Vector: icid-value=1;icid-generated-at={host}", f"Path: <sip:{pbx.address};lr>"]
        for attacker in (far, other_port):
            for via in (";rport", f";rport;received={host}", f";rport={port};received={host}", f";maddr={host};rport"):
                # Via says the PBX, the answer comes to who asked.
                text = request("INVITE", uri, pbx.address, *claims, user=profile["sip_user"], via=via, body=handmade.SDP)
                equal(attacker.ask(server_of(world), text).status, 407, f"an INVITE from {attacker.address} with {via}")
        equal(pbx.answers(0.05), [], "what was sent to the PBX")
        trunk.socket.settimeout(0.05)
        try:
            raise Failure(f"the carrier got {trunk.socket.recv(100)!r}")
        except TimeoutError:
            pass
    world.records(0)


@scenario(needs_switch=True)
def nobody_is_served_who_only_wants_a_relay(world):
    """Foreign Request-URIs, Route, a 302, a carrier's call to a foreign number, REFER: nothing is sent where a stranger says (RFC 3261 16)."""
    profile = world.profile()
    peer = server_of(world)
    with OverheardCaller(world.server.sip, profile) as line, handmade.Carrier() as trunk, Attacker() as far, Attacker(ANOTHER) as target:
        for uri in (f"sip:{NUMBER}@{target.address}", f"sip:{target.address}", f"tel:{NUMBER}"):
            for more in ([], [f"Route: <sip:{world.server.sip};lr>, <sip:{target.address};lr>"]):
                text = request("INVITE", uri, far.address, *more, via=";rport", body=handmade.SDP)
                equal(far.ask(peer, text).status, 407, f"a stranger's INVITE to {uri} with {more}")
        for method in ("REFER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "NOTIFY"):
            text = request(method, f"sip:x@{target.address}", far.address, f"Refer-To: <sip:{target.address}>", via=";rport")
            expect(far.ask(peer, text).status in (405, 481), f"a stranger's {method} was served")
        # A PBX that may call, with a Route of its own: its call goes where the switch says.
        world.api.create_carrier("handmade", trunk.address, priority=1)
        pbx, carrier = line.call(NUMBER, trunk, more=[f"Route: <sip:{world.server.sip};lr>", f"Route: <sip:{target.address};lr>"])
        hang_up(pbx, carrier)
        # A carrier that calls a number that is nobody's here: it does not go out again.
        text = request("INVITE", "sip:+442079460999@127.0.0.1", trunk.address, via=";rport", body=handmade.SDP)
        trunk.socket.sendto(text.encode(), peer)
        trunk.receive("the refusal", lambda said: said.startswith("SIP/2.0 404"), 2)
        # A carrier that says: call there.
        start, headers = handmade.Dialog(line, peer, f"sip:{NUMBER}@{world.server.sip}", [], f"<sip:{line.user}@{world.server.sip}>;tag=r",
                                         f"<sip:{NUMBER}@{world.server.sip}>", "redirected", 2).request("INVITE", 1)
        contact = f"Contact: <sip:{line.user}@{line.address}>"
        line.send(peer, start, [*headers, contact], handmade.SDP)
        refused, _ = line.receive("407", lambda said: said.startswith("SIP/2.0 407") and "redirected" in said)
        uri = f"sip:{NUMBER}@{world.server.sip}"
        headers = [one.replace("CSeq: 1 ", "CSeq: 2 ").replace("branch=z9hG4bK", "branch=z9hG4bKr") for one in headers]
        line.send(peer, start, [*headers, contact, line.proof(refused, "INVITE", uri)], handmade.SDP)
        invite, source = trunk.receive("an INVITE", lambda said: said.startswith("INVITE "))
        trunk.send(source, *handmade.answer_to(invite, "302 Moved Temporarily", "moved", [f"Contact: <sip:{NUMBER}@{target.address}>"]))
        line.receive("a refusal", lambda said: said.startswith("SIP/2.0") and "redirected" in said and said[8] in "3456")
        equal(target.answers(0.1), [], "what was sent where a stranger, a PBX or a carrier wanted it")


def garbage(seed, count):
    """Datagrams that are no SIP, hardly SIP and SIP that makes no sense."""
    chance = random.Random(seed)
    whole = request("INVITE", "sip:x@127.0.0.1", "127.0.0.2:5060", body=handmade.SDP).encode()
    for number in range(count):
        kind = number % 6
        if kind == 0:
            yield chance.randbytes(chance.randrange(1, 1_400))
        elif kind == 1:
            yield whole[:chance.randrange(len(whole))]
        elif kind == 2:
            spoilt = bytearray(whole)
            for _ in range(8):
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
            yield bytes(spoilt)
        elif kind == 3:
            yield b"INVITE sip:x SIP/2.0\r\n" + b"Via: x\r\n" * 3_000
        elif kind == 4:
            yield b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\nCSeq: 1 INVITE\r\n\r\n" % number
        else:
            yield b"\r\n" * chance.randrange(40) + b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n"


@scenario(settings=GUARDED, needs_switch=True, measures="no packet lost")
def floods_of_garbage_reach_nobody(world):
    """6,000 datagrams and 20 connections of noise while a call is up: the switch stays up, no packet of the call is lost (RFC 4475)."""
    with Call(world) as call, Attacker() as attacker:
        peer = server_of(world)
        begun = {stream: stream.number for stream in (call.pbx_sound, call.carrier_sound)}
        for number, datagram in enumerate(garbage(5, 6_000)):
            attacker.throw(peer, datagram)
            if number % 300 == 0:
                with socket.create_connection(peer, source_address=(THIRD, 0)) as stream:
                    stream.sendall(datagram or b"x")
        until(lambda: world.api.metric("tandem_sip_parse_errors_total") > 1_000, "the noise to be counted", 10)
        lost = []
        for sender, hearer in ((call.pbx_sound, call.carrier_sound), (call.carrier_sound, call.pbx_sound)):
            last = sender.number
            until(lambda: (sender.ssrc, last - 1 & 0xFFFF) in hearer.heard, "the last packet of the flood", 5)
            lost.append(sum((sender.ssrc, one & 0xFFFF) not in hearer.heard for one in range(begun[sender], last)))
        print(f"  packets lost each way: {lost}")
        equal(lost, [0, 0], "packets of the call that were lost in the flood")
        goes_on(world, call)


SHORT = {"sip": {"connection_first_message_timeout_s": 2, "connection_partial_message_timeout_s": 1,
                 "connections_per_source_max": 5}}


@scenario(settings=SHORT, needs_switch=True)
def connections_that_give_nothing_are_closed_and_counted(world):
    """Connections that say nothing, trickle a message, speak no SIP, are too many: closed, each counted by its reason
    (RFC 3261 26.1.5)."""
    peer = server_of(world)
    connect = lambda: socket.create_connection(peer, source_address=(STRANGER, 0))
    closed = lambda reason: world.api.metric("tandem_sip_connections_closed_total", reason=reason) >= 1
    with connect(), connect(), connect(), connect(), connect(), connect():
        until(lambda: closed("source_full"), "one connection of six of a host to be closed", 5)
    # Whose places are free again once the switch has seen their end.
    def enter():
        one = connect()
        one.settimeout(0.05)
        try:
            expect(one.recv(1) != b"", "a connection was turned away")
        except TimeoutError:
            return one

    with until(enter, "a place", 5), until(enter, "a place", 5) as trickling, \
            until(enter, "a place", 5) as noisy:
        trickling.sendall(b"OPTIONS sip:x SIP/2.0\r\nX-Slow: ")
        noisy.sendall(b"OPTIONS sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n")
        for reason in ("silent", "partial", "unframeable"):
            until(lambda: closed(reason), f"a connection to be counted as {reason}", 5)


@scenario(needs_switch=True, settings={"sip": {"t1_ms": 20, "t2_ms": 100, "t4_ms": 100}})
def a_stranger_gets_one_short_answer_and_nothing_after_it(world):
    """407, 401 and 403 are sent once without an ACK, at most three times as long as the request, without SDP and version (RFC 9000 8.1)."""
    world.founded()
    peer = server_of(world)
    with Attacker() as attacker:
        for method in ("INVITE", "REGISTER", "OPTIONS", "BYE", "SUBSCRIBE", "CANCEL", "FOO"):
            text = request(method, f"sip:{world.server.sip}", attacker.address)
            attacker.throw(peer, text)
            # Twenty times T1: timer G would have sent it again four times.
            came = attacker.answers(0.4 if method == "INVITE" else 0.1)
            equal(len(came), 1, f"answers to {method}")
            expect(len(came[0]) <= 3 * len(text), f"{len(came[0])} bytes answer the {len(text)} of {method}")
            expect("application/sdp" not in came[0].split("\r\n\r\n")[1] and "v=0" not in came[0], "an SDP for a stranger")
            expect("Server: Tandem\r\n" in came[0] or "Server:" not in came[0], f"more than a name: {came[0]}")
        # The shortest OPTIONS that can be read asks for more than it may have.
        attacker.throw(peer, "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1;rport\r\nf:<sip:a>;tag=a\r\nt:<sip:a>\r\ni:1\r\n"
                             "CSeq:1 OPTIONS\r\n\r\n")
        equal(attacker.answers(0.1), [], "the answer to the shortest OPTIONS")
        until(lambda: world.api.metric("tandem_sip_guarded_total", reason="amplified") == 1, "it to be counted as withheld", 5)


def tandem(world, *words):
    """What `tandem` prints to an operator."""
    token = world.folder / "token"
    token.write_text(f"{world.api.token}\n")
    token.chmod(0o600)
    done = subprocess.run([BINARY, *words, "--api", f"127.0.0.1:{world.server.http_port}", "--token-file", token],
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    equal(done.returncode, 0, f"exit code of tandem {' '.join(words)}, which said {done.stderr!r};")
    return done.stdout


@scenario(settings={"guard": {"trusted": [], "failures_max": 6, "ban_s": 60}}, needs_switch=True)
def a_password_guesser_is_slowed_then_banned_and_set_free(world):
    """Six wrong passwords in a minute: what the host sends is dropped unread, a PBX elsewhere is not touched; `tandem ban remove` ends it
    (RFC 3261 26.3.2.4)."""
    profile = world.profile()
    peer = server_of(world)
    with Attacker() as guesser, OverheardCaller(world.server.sip, profile) as pbx:
        uri, answered = f"sip:{world.server.sip}", 0
        challenged = guesser.ask(peer, request("REGISTER", uri, guesser.address, via=";rport"))
        for number in range(1, 13):
            proof = credentials(challenged, profile["sip_user"], f"guess{number}", "REGISTER", uri, number)
            guesser.throw(peer, request("REGISTER", uri, guesser.address, proof, user=profile["sip_user"], via=";rport", call_id=f"{number}"))
            answered += len(guesser.answers(0.05))
        expect(1 <= answered <= 4, f"{answered} of 12 guesses were answered")
        ban = world.api.get("/bans")["items"][0]
        equal((ban["source"], ban["offence"], ban["number"]), (STRANGER, "bad_password", 1), "the ban")
        bare = lambda: request("REGISTER", f"sip:{world.server.sip}", guesser.address, via=";rport")
        guesser.throw(peer, bare())
        with socket.create_connection(peer, source_address=(STRANGER, 0)) as stream:
            stream.settimeout(2)
            equal(stream.recv(100), b"", "what a connection of a banned host hears")
        equal(guesser.answers(0.1), [], "what a banned host is answered")
        expect(world.api.metric("tandem_sip_guarded_total", reason="banned") >= 1, "no message was counted as dropped")
        equal((world.api.metric("tandem_sip_bans_total", offence="bad_password"), world.api.metric("tandem_sip_bans")), (1, 1), "bans counted")
        equal(pbx.register(None).status, 200, "the PBX elsewhere")
        listed = tandem(world, "ban", "list")
        expect(STRANGER in listed and "bad_password" in listed, f"tandem ban list said {listed!r}")
        tandem(world, "ban", "remove", STRANGER)
        equal(world.api.get("/bans")["items"], [], "bans after it was removed")
        equal(guesser.ask(peer, bare()).status, 401, "the answer after that")
    said = world.server.log.read_text()
    expect("source banned" in said and "ban lifted" in said, "the log says nothing of it")


@scenario(settings={"guard": {"trusted": [], "failures_max": 6}}, needs_switch=True)
def nobody_is_banned_by_what_is_sent_in_his_name(world):
    """300 wrong passwords over UDP in the name of a PBX that is not registered: no ban, and it registers at once (decision 45)."""
    profile = world.profile()
    peer = server_of(world)
    with Attacker(ANOTHER) as elsewhere, Attacker(STRANGER) as spoofed:
        # A spoofer hears no challenge that goes to the victim; he has one of his own.
        uri = f"sip:{world.server.sip}"
        challenged = elsewhere.ask(peer, request("REGISTER", uri, elsewhere.address, via=";rport"))
        for number in range(300):
            proof = credentials(challenged, profile["sip_user"], f"guess{number}", "REGISTER", uri)
            spoofed.throw(peer, request("REGISTER", uri, spoofed.address, proof, user=profile["sip_user"]))
        # So many were judged: none is left on the way.
        until(lambda: world.api.metric("tandem_sip_auth_attempts_total", outcome="bad_password") >= 250, "the guesses to be judged", 5)
        equal(world.api.get("/bans")["items"], [], "bans")
    with Attacker(STRANGER) as victim:
        # The first REGISTER may meet the end of the flood's second, and comes again.
        call_id, to = "victim", f"sip:{profile['sip_user']}@{world.server.sip}"
        bare = request("REGISTER", uri, victim.address, user=profile["sip_user"], to=to, call_id=call_id, via=";rport")
        challenged = victim.ask(peer, bare, tries=8)
        proof = credentials(challenged, profile["sip_user"], profile["sip_password"], "REGISTER", uri)
        proven = request("REGISTER", uri, victim.address, proof, user=profile["sip_user"], to=to, call_id=call_id, cseq=2, via=";rport")
        equal(victim.ask(peer, proven).status, 200, "the victim's own REGISTER")
