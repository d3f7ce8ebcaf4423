"""Calls that change while people talk: hold and resume, other ports and codecs, late offers, crossing requests, session timers, PRACK.

Not here: how such a request is refused where it is broken (speaking.py).
"""

import time

import handmade
from changing_ends import Stream, ask, begin, description, finish, flow_of, hang_up, reply, sound_of, status_of
from scenarios import scenario
from sipp_agent import sip_headers
from waiting import equal, expect, until
from world import DEAR

SHORT_MS = 300
# Milliseconds until sound is back after a resume, and packets that a change of port or SSRC may cost (must-show 2).
BACK_MS_MAX = 200
LOST_MAX = 3
PACKET_MS = 20


def check_body(expression, variable):
    """A SIPp action that fails the call unless the body of the message just received matches."""
    return (f'<action><ereg regexp="{expression}" search_in="body" check_it="true" assign_to="{variable}"/></action>')


class Call:
    """A call between two ends made by hand, with sound both ways."""

    def __init__(self, world, number="+12025550123", **profile):
        self.number = number
        self.profile = world.profile(**profile)
        self.line, self.trunk = handmade.Caller(world.server.sip, self.profile), handmade.Carrier()
        world.api.create_carrier("handmade", self.trunk.address, priority=1)
        self.pbx_sound, self.carrier_sound = Stream(0xA), Stream(0xB)

    def __enter__(self):
        self.pbx, self.carrier = self.line.call(self.number, self.trunk, self.pbx_sound.port, self.carrier_sound.port)
        self.pbx_sound.to, self.carrier_sound.to = sound_of(self.pbx.answer), sound_of(self.carrier.offer)
        until(lambda: self.pbx_sound.heard and self.carrier_sound.heard, "sound both ways", 5)
        return self

    def __exit__(self, *_):
        for end in (self.pbx_sound, self.carrier_sound):
            end.close()
        self.line.socket.close()
        self.trunk.socket.close()


def hold(asking, asked, port, asked_port, flow):
    """One end asks for a flow, the other is told and answers; the answer, what was told, and when it was asked."""
    began = time.monotonic()
    number = begin(asking, "INVITE", description(port, flow))
    answer = finish(asking, "INVITE", number)
    equal(status_of(answer), 200, f"the answer to {flow}")
    reversed_flow = {"sendonly": "recvonly", "sendrecv": "sendrecv"}[flow]
    told = reply(asked, "INVITE", description(asked_port, reversed_flow))
    return answer, told, began


@scenario(needs_switch=True, measures="sound within 200 ms")
def hold_is_answered_recvonly_and_sound_is_back_after_resume(world):
    """Hold gets recvonly, the far side hears of it, its sound rests; after resume both hear each other within 200 ms (RFC 3264 8.4)."""
    with Call(world) as call:
        for holder, held, port, held_port, held_stream, holder_stream in (
            (call.pbx, call.carrier, call.pbx_sound.port, call.carrier_sound.port, call.carrier_sound, call.pbx_sound),
            (call.carrier, call.pbx, call.carrier_sound.port, call.pbx_sound.port, call.pbx_sound, call.carrier_sound),
        ):
            answer, told, _ = hold(holder, held, port, held_port, "sendonly")
            equal(flow_of(answer), "recvonly", "the answer to hold")
            equal(flow_of(told), "sendonly", "what the held side is told")
            held_at = time.monotonic()
            until(lambda: held_stream.first_after(held_at + 0.1, holder_stream.ssrc), "music while held", 5)
            expect(not holder_stream.first_after(held_at + 0.1, held_stream.ssrc), "who holds is sent sound")
            answer, told, began = hold(holder, held, port, held_port, "sendrecv")
            equal(flow_of(answer), "sendrecv", "the answer to resume")
            equal(flow_of(told), "sendrecv", "what the held side is told of it")
            until(lambda: holder_stream.first_after(began, held_stream.ssrc), "sound after resume", 5)
            back_ms = (holder_stream.first_after(began, held_stream.ssrc) - began) * 1000
            print(f"  sound was back {back_ms:.0f} ms after the resume was asked for; the machine stalled for {world.stalls.stalled_ms:.0f}")
            expect(back_ms <= world.stalls.allowing(BACK_MS_MAX), f"sound was back {back_ms:.0f} ms after the resume was asked for")
        hang_up(call.pbx, call.carrier)
    world.settled(call.profile, spent="0.01")
    world.record(cause="normal", status=200)


@scenario(needs_switch=True, measures="3 packets of 20 ms")
def another_port_and_another_ssrc_cost_three_packets_at_most(world):
    """A PBX, then a carrier, moves to another port and SSRC by re-INVITE: of each direction's sound at most 3 packets are lost
    (RFC 3264 8.3.1, must-show 2)."""
    with Call(world) as call:
        for asking, stream, other in ((call.pbx, call.pbx_sound, call.carrier_sound),
                                      (call.carrier, call.carrier_sound, call.pbx_sound)):
            sent_before, heard_of_other = stream.number, len(stream.heard)
            other_before = other.number
            # It listens at the new port, and speaks from there once its offer is answered, as phones do.
            new = stream.sockets[-1]
            port = stream.move()
            stream.sockets[-2:] = stream.sockets[:-3:-1]
            answer = ask(asking, "INVITE", description(port))
            equal((status_of(answer), flow_of(answer)), (200, "sendrecv"), "the answer to another port")
            stream.sockets[-2:] = stream.sockets[:-3:-1]
            stream.ssrc += 0x100
            expect(new is not stream.sockets[-1], "it has not moved")
            moved = stream.number
            until(lambda: stream.number > moved + 50, "a second of sound", 5)
            sent, other_sent = stream.number, other.number
            until(lambda: (stream.ssrc, (sent - 1) & 0xFFFF) in other.heard, "the last packet", 5)
            ssrcs = (stream.ssrc, stream.ssrc - 0x100)
            lost = sum(all((ssrc, number & 0xFFFF) not in other.heard for ssrc in ssrcs) for number in range(sent_before, sent))
            missed = sum((other.ssrc, number & 0xFFFF) not in stream.heard for number in range(other_before, other_sent - 3))
            print(f"  {lost} packets from and {missed} to the end that moved were lost")
            # Packets of a port are under way while the machine stalls, and come when there is another.
            lost_max = LOST_MAX + int(world.stalls.stalled_ms / PACKET_MS)
            expect(lost <= lost_max, f"{lost} of {sent - sent_before} packets from the end that moved were lost")
            expect(missed <= lost_max, f"{missed} of {other_sent - other_before} packets to the end that moved were lost")
            expect(len(stream.heard) > heard_of_other, "the end that moved hears nothing")
        hang_up(call.pbx, call.carrier)
    world.settled(call.profile, spent="0.01")


@scenario(needs_switch=True)
def a_hold_between_two_strangers(world):
    """SIPp holds by re-INVITE: 200 with recvonly; SIPp as carrier is asked with sendonly (RFC 3264 6.1)."""
    profile = world.profile()
    carrier = world.carrier("carrier_changed", change_check=check_body("a=sendonly", "told"), change_status="200 OK",
                            change_sdp='{{sdp_flowing flow="recvonly" formats="0 101"}}')
    world.pbx("reinvite", profile, again_sdp='{{sdp_flowing flow="sendonly" formats="0 8 101"}}',
              again_check=check_body("a=recvonly", "answered"), options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def other_codecs_are_agreed_between_two_strangers(world):
    """SIPp changes to PCMA: the SIPp carrier is asked for it, and the PBX gets its answer (RFC 3264 8.3.2)."""
    profile = world.profile()
    carrier = world.carrier("carrier_changed", change_check=check_body("m=audio [0-9]+ RTP/AVP 8", "told"),
                            change_status="200 OK", change_sdp='{{sdp_flowing flow="sendrecv" formats="8"}}')
    world.pbx("reinvite", profile, again_sdp='{{sdp_flowing flow="sendrecv" formats="8"}}',
              again_check=check_body("m=audio [0-9]+ RTP/AVP 8", "answered"), options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def codecs_that_the_far_side_refuses_are_refused_and_the_call_goes_on(world):
    """SIPp changes to a codec that the SIPp carrier answers 488: the PBX gets 488, the call goes on and ends by BYE
    (RFC 3261 14.1, 14.2)."""
    profile = world.profile()
    carrier = world.carrier("carrier_changed", change_status="488 Not Acceptable Here", change_sdp="")
    world.pbx("reinvite", profile, final="488", again_sdp='{{sdp_flowing flow="sendrecv" formats="8"}}',
              after_again='{{ack_to_refusal_in_dialog cseq="3"}}', options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(cause="normal", status=200)


@scenario(needs_switch=True)
def late_offers_are_answered_in_the_ack(world):
    """An INVITE without offer gets the carrier's choice in the 200; a re-INVITE without offer ours; the ACKs bring the answers
    (RFC 3261 13.2.1, RFC 3264 4)."""
    profile = world.profile()
    sound = Stream(0xA)
    with handmade.Carrier() as trunk, handmade.Caller(world.server.sip, profile) as line:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        pbx, carrier = line.call("+12025550123", trunk, sound.port, 9, is_late=True)
        expect("RTP/AVP 0" in pbx.answer, f"the 200 offers: {pbx.answer}")
        answer = ask(pbx, "INVITE", ack_body=description(sound.port))
        equal((status_of(answer), flow_of(answer)), (200, "sendrecv"), "the offer to a re-INVITE without one")
        hang_up(pbx, carrier)
    sound.close()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def fax_and_unknown_words_are_refused_and_the_call_goes_on(world):
    """T.38 gets 488 of a trunk without it, REFER 405 with a sentence, MESSAGE 405, an unknown method 501, an empty INFO and UPDATE 200; all
    in one call (RFC 3261 8.2.1, RFC 3515)."""
    with Call(world, t38="refuse") as call:
        fax = description(call.pbx_sound.port).replace("m=audio", "m=image").replace("RTP/AVP 0", "udptl t38")
        answer = ask(call.pbx, "INVITE", fax)
        equal(status_of(answer), 488, "the answer to T.38")
        expect("T.38" in answer, f"no sentence about T.38 in {answer}")
        refer = ask(call.pbx, "REFER", more=["Refer-To: <sip:+12025550100@127.0.0.1>"])
        equal(status_of(refer), 405, "the answer to REFER")
        expect("REFER" in handmade.header(refer, "Warning"), "no sentence about REFER")
        equal(status_of(ask(call.pbx, "MESSAGE")), 405, "the answer to MESSAGE")
        unknown = ask(call.pbx, "DANCE")
        equal(status_of(unknown), 501, "the answer to an unknown method")
        expect("INVITE" in handmade.header(unknown, "Allow"), "no Allow in the 501")
        equal(status_of(ask(call.pbx, "INFO")), 200, "the answer to an empty INFO")
        equal(status_of(ask(call.pbx, "UPDATE", description(call.pbx_sound.port))), 200, "the answer to UPDATE")
        hang_up(call.pbx, call.carrier)
    world.settled(call.profile, spent="0.01")
    steps = world.api.get(f"/calls/{world.record(status=200)['id']}/trace")["steps"]
    noted = [(step["refusal"], step["seen"].split()[0]) for step in steps if step["rule"] == "in_dialog"]
    equal(noted, [("no_common_codec", "INVITE"), ("method_not_allowed", "REFER"), ("method_not_allowed", "MESSAGE"),
                  ("method_unknown", "DANCE")], "what the trace tells of what was refused in the call")


@scenario(needs_switch=True)
def a_hold_that_crosses_ours_is_asked_again(world):
    """Both ends hold at once: who crosses gets 491; ours, whose Call-ID it is, comes again after 2.1 to 4 s (RFC 3261 14.1)."""
    with Call(world) as call:
        number = begin(call.pbx, "INVITE", description(call.pbx_sound.port, "sendonly"))
        equal(status_of(finish(call.pbx, "INVITE", number)), 200, "the PBX's hold")
        wanted = lambda text: text.startswith("INVITE ") and call.carrier.call_id in text
        ours, peer = call.trunk.receive("our re-INVITE", wanted)
        crossing = begin(call.carrier, "INVITE", description(call.carrier_sound.port, "sendonly"))
        answer = finish(call.carrier, "INVITE", crossing)
        equal(status_of(answer), 491, "the answer to an offer that crosses ours")
        call.trunk.send(peer, *handmade.answer_to(ours, "491 Request Pending"))
        refused = time.monotonic()
        again = reply(call.carrier, "INVITE", description(call.carrier_sound.port, "recvonly"), deadline_s=6)
        waited = time.monotonic() - refused
        expect(2.05 <= waited <= 4.2, f"ours came again after {waited:.2f} s")
        equal(flow_of(again), "sendonly", "what is asked again")
        hang_up(call.pbx, call.carrier)
    world.settled(call.profile, spent="0.01")


@scenario(full=True, needs_switch=True, settings={"sip": {"session_expires_s": 90, "t1_ms": 100}}, timeout_s=120)
def a_peer_that_vanishes_is_noticed_by_the_session_timer(world):
    """At 90 s a session is refreshed after 45 s; a carrier that does not answer that ends the call 64*T1 later, which is billed to that second,
    and the record says why (RFC 4028 10, must-show 3)."""
    with Call(world, number=DEAR) as call:
        wanted = lambda text: text.startswith(("INVITE ", "UPDATE ")) and call.carrier.call_id in text
        request, _ = call.trunk.receive("a refresh", wanted, 60)
        expect("Session-Expires: 90;refresher=uac" in request, f"the refresh says: {request}")
        # Nobody answers: 64*T1 later the PBX is hung up. Its own refresh, of the same moment, is answered.
        reply(call.pbx, "INVITE", description(call.pbx_sound.port, version=1))
        reply(call.pbx, "BYE", deadline_s=20)
    record = world.record(cause="session_expired", status=200)
    noticed_s = 45 + 64 * 0.1
    print(f"  the record says {record['cause']}; billed were {record['billed_s']} s, noticed was it after {noticed_s:.0f} s")
    expect(noticed_s <= record["billed_s"] <= noticed_s + 3, f"billed were {record['billed_s']} s, noticed was it after {noticed_s:.1f} s")


@scenario(needs_switch=True)
def a_session_timer_that_is_too_short_gets_422(world):
    """Session-Expires: 60 gets 422 with Min-SE: 90; a PBX that asks us to refresh is told that we do (RFC 4028 9)."""
    profile = world.profile()
    timer = sip_headers("Supported: timer", "Session-Expires: 60")
    world.pbx("refused", profile, name="short", opening="{{invite_unchallenged}}", final="422", headers=timer).finish()
    carrier = world.carrier()
    timer = sip_headers("Supported: timer", "Session-Expires: 600;refresher=uas")
    granted = '<action><ereg regexp="600;refresher=uas" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="se"/></action>'
    world.pbx("call", profile, headers=timer, check=granted, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def a_carrier_that_requires_prack_gets_it_though_the_caller_knows_nothing_of_it(world):
    """SIPp as carrier sends its 183 reliably: it gets a PRACK with the right RAck, and its description there is the caller's answer, for its
    200 has none (RFC 3262 4 and 5)."""
    profile = world.profile()
    carrier = world.carrier("carrier_reliable")
    world.pbx("call", profile, check=check_body("m=audio [0-9]+ RTP/AVP 0 101", "described"), options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def what_rings_is_heard_reliably_where_the_caller_requires_it(world):
    """Require: 100rel: 180 comes with RSeq, is repeated until its PRACK; the carrier knows nothing of it (RFC 3262)."""
    profile = world.profile()
    with handmade.Carrier() as trunk, handmade.Caller(world.server.sip, profile) as line:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        pbx, carrier = line.call("+12025550123", trunk, more=["Require: 100rel"], is_reliable=True)
        expect("RSeq" in pbx.rang and "100rel" in handmade.header(pbx.rang, "Require"), f"the 180 says: {pbx.rang}")
        hang_up(pbx, carrier)
    world.settled(profile, spent="0.01")
