"""Fax over T.38 in the middle of a call: agreed by both sides, its datagrams relayed, and back to sound (ITU-T T.38 D.2).

Not here: fax as sound, which is sound.
"""

import re
import socket
import time

from changing_ends import ask, begin, description, finish, hang_up, reply, status_of
from scenarios import scenario
from scenarios.changing import SHORT_MS, Call, check_body
from sipp_agent import check_header
from waiting import Failure, equal, expect, until

# A number, an indicator of T.30 and no repetitions: what machines send first.
UDPTL = bytes([0, 0, 1, 6, 0, 0])


class Machine:
    """A fax machine's socket."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        self.to = None

    @property
    def port(self):
        """Where it listens."""
        return self.socket.getsockname()[1]

    def described(self, version=2):
        """Its session description."""
        return ("v=0\r\n" f"o=- 7 {version} IN IP4 127.0.0.1\r\n" "s=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=image {self.port} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
                "a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n")

    def heard(self):
        """What came next."""
        try:
            return self.socket.recv(2048)
        except TimeoutError:
            raise Failure(f"nothing of the fax came to {self.port} within 2 s") from None


def fax_of(text):
    """Where a message's description wants fax."""
    found = re.search(r"^m=image (\d+) udptl t38", text, re.MULTILINE)
    expect(found and found.group(1) != "0", f"no fax is described: {text}")
    expect("a=T38FaxUdpEC:t38UDPRedundancy" in text, f"the words of the other machine are missing: {text}")
    return "127.0.0.1", int(found.group(1))


@scenario(needs_switch=True)
def a_fax_goes_both_ways_and_sound_comes_back(world):
    """The called machine asks for T.38, the caller's is asked and agrees, datagrams pass both ways from their sources alone, a refresh
    changes nothing, and sound is back afterwards (ITU-T T.38 D.2, RFC 3264 8.3.3)."""
    pbx, carrier, stranger = Machine(), Machine(), Machine()
    with Call(world) as call:
        number = begin(call.carrier, "INVITE", carrier.described())
        pbx.to = fax_of(reply(call.pbx, "INVITE", pbx.described()))
        carrier.to = fax_of(finish(call.carrier, "INVITE", number))
        for page in range(1, 21):
            for sender, receiver in ((carrier, pbx), (pbx, carrier)):
                datagram = UDPTL[:1] + bytes([page]) + UDPTL[2:]
                sender.socket.sendto(datagram, sender.to)
                equal(receiver.heard(), datagram, f"datagram {page}, as it was sent and nobody else's")
                # Whose source is fixed is not spoken for by others.
                stranger.socket.sendto(b"\0\xff\1\6\0\0", sender.to)
        answer = ask(call.carrier, "INVITE", carrier.described())
        equal((status_of(answer), fax_of(answer)), (200, carrier.to), "a refresh in the middle of a page (field lesson 29)")
        carrier.socket.sendto(UDPTL, carrier.to)
        equal(pbx.heard(), UDPTL, "a datagram after it")
        began = time.monotonic()
        number = begin(call.carrier, "INVITE", description(call.carrier_sound.port, version=3))
        told = reply(call.pbx, "INVITE", description(call.pbx_sound.port, version=3))
        answer = finish(call.carrier, "INVITE", number)
        expect("m=audio" in told and "m=audio" in answer and "m=image" not in answer, f"sound is not offered: {told} {answer}")
        until(lambda: call.pbx_sound.first_after(began, call.carrier_sound.ssrc), "sound after the fax, to the PBX", 5)
        until(lambda: call.carrier_sound.first_after(began, call.pbx_sound.ssrc), "sound after the fax, to the carrier", 5)
        hang_up(call.pbx, call.carrier)
    for machine in (pbx, carrier, stranger):
        machine.socket.close()
    expect(world.api.metric("tandem_rtp_packets_discarded_total", reason="unknown_source") >= 20, "the stranger was not counted")
    world.settled(call.profile, spent="0.01")
    world.record(cause="normal", status=200)


@scenario(needs_switch=True)
def a_fax_between_two_strangers(world):
    """SIPp asks for T.38: SIPp as carrier is asked in its words, and the PBX gets the carrier's (RFC 3362)."""
    profile = world.profile()
    carrier = world.carrier("carrier_changed", change_check=check_body("m=image [0-9]+ udptl t38", "told"),
                            change_status="200 OK", change_sdp="{{sdp_fax}}")
    world.pbx("reinvite", profile, again_sdp="{{sdp_fax}}", again_check=check_body("a=T38FaxMaxDatagram:400", "answered"),
              options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def a_fax_that_the_carrier_refuses_is_refused_and_the_call_goes_on(world):
    """SIPp as carrier answers T.38 with 488: the PBX gets 488, its machine stays with sound, the call ends by BYE (RFC 3264 8)."""
    profile = world.profile()
    carrier = world.carrier("carrier_changed", change_status="488 Not Acceptable Here", change_sdp="")
    world.pbx("reinvite", profile, final="488", again_sdp="{{sdp_fax}}", after_again='{{ack_to_refusal_in_dialog cseq="3"}}',
              options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(cause="normal", status=200)


@scenario(needs_switch=True)
def a_trunk_without_fax_refuses_it_and_the_other_side_hears_nothing(world):
    """`t38 = refuse`: 488 at once, and the SIPp carrier, which would fail on a re-INVITE, is asked nothing (RFC 3264 8)."""
    profile = world.profile(t38="refuse")
    carrier = world.carrier()
    world.pbx("reinvite", profile, final="488", again_sdp="{{sdp_fax}}", after_again='{{ack_to_refusal_in_dialog cseq="3"}}',
              options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


def first_offer(lines, machine):
    """A description of this machine, its stream behind these lines."""
    return machine.described(version=1).replace("\r\n", "\n").replace("m=image", f"{lines}m=image")


def fax_from_the_start(world, lines, settings=None):
    """A SIPp offers T.38 in its first INVITE, SIPp as carrier answers with it: datagrams pass both ways."""
    pbx, carrier = Machine(), Machine()
    profile = world.profile()
    takes = world.carrier(check=check_body("m=image [0-9]+ udptl t38", "offered"), answer=first_offer("", carrier), settings=settings)
    tell = ('<action><ereg regexp="m=image ([0-9]+) udptl t38" search_in="body" check_it="true" assign_to="line,port"/>'
            '<log message="fax [$port]"/></action>')
    calls = world.pbx("call", profile, sdp=first_offer(lines, pbx), check=tell, options=("-d", 1_500))
    line = until(lambda: [one for one in calls.logged() if "fax " in one], "the switch's port for the fax")[0]
    pbx.to = "127.0.0.1", int(re.search(r"fax ([0-9]+)", line).group(1))
    carrier.to = fax_of(takes.messages())
    for page in range(1, 11):
        for sender, receiver in ((carrier, pbx), (pbx, carrier)):
            datagram = UDPTL[:1] + bytes([page]) + UDPTL[2:]
            sender.socket.sendto(datagram, sender.to)
            equal(receiver.heard(), datagram, f"datagram {page}, as it was sent")
    calls.finish()
    takes.finish()
    for machine in (pbx, carrier):
        machine.socket.close()
    world.settled(profile, spent="0.01")
    world.record(cause="normal", status=200)
    return calls, takes


@scenario(needs_switch=True)
def a_fax_begins_with_the_first_invite(world):
    """SIPp offers T.38 alone in its first INVITE, a SIPp carrier takes it, datagrams pass both ways (RFC 3362, ITU-T T.38 D.2)."""
    _, takes = fax_from_the_start(world, "")
    expect("m=audio" not in takes.messages(), "the carrier saw sound")


@scenario(needs_switch=True)
def a_fax_as_the_third_stream_is_answered_in_its_place(world):
    """T.38 behind a refused m=audio and an m=video: the answer has three streams in the same order, two with port 0 (RFC 3264 6)."""
    calls, _ = fax_from_the_start(world, "m=audio 0 RTP/AVP 0\nm=video 9 RTP/AVP 31\n")
    answer = calls.messages().split("SIP/2.0 200")[1]
    streams = [(kind, port == "0") for kind, port in re.findall(r"^m=([a-z]+) ([0-9]+)", answer, re.MULTILINE)][:3]
    equal(streams, [("audio", True), ("video", True), ("image", False)], "the streams of the answer, and whether they are refused")


@scenario(needs_switch=True)
def a_fax_passes_over_carriers_that_take_none(world):
    """`t38 = refuse` of every carrier: 488 with why at the first INVITE, and none hears of it; the trunk's own refuses it too (RFC 3264 6)."""
    refuses = world.profile(name="Without fax", t38="refuse")
    profile = world.profile()
    carrier = world.carrier(settings={"t38": "refuse"})
    for one, why in ((profile, "The called side takes no fax"), (refuses, "Fax over T.38 does not pass this trunk")):
        world.pbx("refused", one, final="488", sdp="{{sdp_fax}}", check=check_header("Warning", why, "warned"),
                  name=f"of_{one['sip_user']}").finish()
    world.never_invited(carrier)
    for record in world.records(2):
        equal(record["refusal"], "no_common_codec", "the refusal in the record")
