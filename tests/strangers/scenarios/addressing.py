"""Addresses: IPv6, proxies on the way, NATs that must be kept open (S14; RFC 3327, 5118, 5626).

Not here: who may call whom.
"""

import re
import socket

import sound
from scenarios import scenario
from scenarios.changing import check_body
from scenarios.receiving import NUMBER, Outside
from scenarios.registering import state_of
from sipp_agent import check_header
from waiting import Failure, equal, expect, until
from websocket import Datagrams, WebPhone

OFFER = "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"

# Where the switch wants RTP, and by which version of IP, from the SDP of the 200.
TELL = ('<action><ereg regexp="c=IN (IP[46])" search_in="body" check_it="true" assign_to="line1,family"/>'
        '<ereg regexp="m=audio ([0-9]+)" search_in="body" check_it="true" assign_to="line2,port"/>'
        '<log message="[$family] [$port]"/></action>')
BOTH = {"sip": {"ipv6": True}, "media": {"second_address": "::1"}}
PACKETS = 50


@scenario(settings={"sip": {"ipv6": True}, "media": {"address": "::1"}}, needs_switch=True)
def a_phone_calls_over_ipv6(world):
    """On [::1]: registration, Contact and SDP in the form of IPv6, and the echo test returns the packets (RFC 5118)."""
    profile = world.profile(credit="0.00")
    link = Datagrams("::1", ("::1", world.server.sip_port))
    phone = WebPhone(link, "UDP", profile, host=f"[::1]:{link.port}")
    switch = f"[::1]:{world.server.sip_port}"
    answer = phone.request("REGISTER", f"sip:{switch}")
    expect(answer.startswith("SIP/2.0 200"), answer)
    equal(state_of(world, profile)["behind_nat"], False, "whether the PBX is behind NAT")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sound:
        sound.bind(("::1", 0))
        sound.settimeout(5)
        body = OFFER.format(family="IP6", ip="::1", port=sound.getsockname()[1])
        call_id = "over-ipv6"
        answer = phone.request("INVITE", f"sip:*43@{switch}", body=body, call_id=call_id)
        expect(answer.startswith("SIP/2.0 200"), answer)
        expect(f"Contact: <sip:{switch}>" in answer, f"our Contact: {answer}")
        expect("c=IN IP6 ::1" in answer, f"our SDP: {answer}")
        port = int(re.search(r"m=audio ([0-9]+)", answer).group(1))
        packet = b"\x80\x00\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07" + b"\xff" * 160
        sound.sendto(packet, ("::1", port))
        equal(sound.recv(2048)[12:], packet[12:], "the echo")
    (call,) = world.api.live_calls()
    world.api.hang_up(call["id"])
    bye = phone.hear()
    expect(bye.startswith("BYE sip:"), bye)
    answer_with(phone, bye, "200 OK")
    world.record(status=200)


def answer_with(phone, request, status):
    """A response without a body."""
    copied = "\r\n".join(line for line in request.splitlines() if re.match(r"(Via|From|To|Call-ID|CSeq):", line))
    phone.send(f"SIP/2.0 {status}\r\n{copied}\r\nContent-Length: 0\r\n\r\n")


@scenario(settings={"registration": {"keep_alive_s": 10}}, needs_switch=True)
def a_pbx_behind_nat_is_asked_whether_it_lives(world):
    """OPTIONS come to a PBX behind NAT, at where it registered from, every `keep_alive_s` (S14)."""
    profile = world.profile(credit="0.00")
    link = Datagrams("127.0.0.1", ("127.0.0.1", world.server.sip_port))
    link.socket.settimeout(15)
    phone = WebPhone(link, "UDP", profile, host="10.1.2.3:5060")
    answer = phone.request("REGISTER", f"sip:{world.server.sip}", more=["Expires: 45"])
    expect(answer.startswith("SIP/2.0 200"), answer)
    equal(state_of(world, profile)["behind_nat"], True, "whether the PBX is behind NAT")
    options = phone.hear()
    expect(options.startswith(f"OPTIONS sip:{phone.user}@10.1.2.3:5060 SIP/2.0"), options)
    answer_with(phone, options, "200 OK")
    equal(state_of(world, profile)["state"], "registered", "a PBX that answered")


@scenario(needs_switch=True)
def a_pbx_behind_a_proxy_is_called_by_its_path(world):
    """The Path of a REGISTER is repeated in the 200, and is the Route of the call to the PBX (RFC 3327); 439 without outbound."""
    profile = world.profile(credit="0.00")
    world.api.create_number(NUMBER, profile)
    link = Datagrams("127.0.0.1", ("127.0.0.1", world.server.sip_port))
    phone = WebPhone(link, "UDP", profile, host=f"127.0.0.1:{link.port}")
    path = f"Path: <sip:edge@127.0.0.1:{link.port};lr>, <sip:inner.example.net;lr>"
    answer = phone.request("REGISTER", f"sip:{world.server.sip}", more=["Supported: path", path])
    expect(answer.startswith("SIP/2.0 200") and "edge@127.0.0.1" in answer and "inner.example.net" in answer, answer)
    caller = Outside(world).calls(NUMBER, "refused", final="486")
    invite = phone.hear()
    routes = re.findall(r"<([^>]*)>", " ".join(re.findall(r"^Route: (.*)$", invite, re.M)))
    equal(routes, [f"sip:edge@127.0.0.1:{link.port};lr", "sip:inner.example.net;lr"], "the Route of the INVITE")
    expect(invite.startswith(f"INVITE sip:{NUMBER[1:]}@{phone.host} SIP/2.0"), invite)
    answer_with(phone, invite, "486 Busy Here")
    expect(phone.hear().startswith("ACK "), "no ACK to the 486")
    caller.finish()
    proxied = "Via: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKinner"
    answer = phone.request("REGISTER", f"sip:{world.server.sip}", more=["Supported: path, outbound", proxied])
    expect(answer.startswith("SIP/2.0 439"), f"through a proxy that keeps no flow: {answer}")


@scenario(needs_switch=True)
def who_says_sips_is_reached_over_tls_alone(world):
    """A sips: Contact over UDP is refused with a sentence (RFC 3261 26.2.2)."""
    profile = world.profile(credit="0.00")
    link = Datagrams("127.0.0.1", ("127.0.0.1", world.server.sip_port))
    phone = WebPhone(link, "UDP", profile, host=f"127.0.0.1:{link.port}")
    answer = phone.request("REGISTER", f"sip:{world.server.sip}", more=["Contact: <sips:a@127.0.0.1>"])
    expect(answer.startswith("SIP/2.0 400") and "register it over TLS" in answer, answer)
    until(lambda: state_of(world, profile)["state"] != "registered" or expect(False, "bound"), "no binding", 1)


def speak(world, profile, ip, switch, **more):
    """A SIPp at this address calls, a second of sound goes to the carrier and comes back from it, byte for byte."""
    end = sound.RtpEnd(ip)
    try:
        pbx = world.pbx("call", profile, remote=f"{switch}:{world.server.sip_port}", ip=ip, check=TELL, media_ip=ip,
                        media_port=str(end.port), options=("-d", 2500), **more)
        said = until(lambda: re.search(r"IP([46]) ([0-9]+)", "\n".join(pbx.logged())), "the switch's SDP")
        equal(said.group(1), "6" if ":" in ip else "4", "the version of IP in our answer")
        end.send((ip, int(said.group(2))), sound.sweep(PACKETS * sound.FRAME / sound.RATE_HZ))
        # The first packets may come before the other leg knows where to send.
        until(lambda: end.returned() >= PACKETS - 10, f"{PACKETS - 10} of {PACKETS} packets to come back", 3)
        pbx.finish()
    except Failure as failure:
        raise Failure(f"{failure}; {end.returned()} packets came back") from None
    finally:
        end.close()


@scenario(settings=BOTH, needs_switch=True)
def a_pbx_on_ipv6_speaks_through_a_carrier_on_ipv4(world):
    """A SIPp on ::1 with its sound there calls; a carrier on ::1 refuses with 503, one on 127.0.0.1 answers: each is offered its own version
    of IP, and sound comes back (RFC 6157 3.1)."""
    profile = world.profile()
    refuses = world.carrier("carrier_refuses", ip="::1", final="503", phrase="Service Unavailable")
    answers = world.carrier(echo=True, check=check_body("c=IN IP4 127.0.0.1", "offered"))
    speak(world, profile, "::1", "[::1]", sdp="{{sdp_ipv6}}")
    refuses.finish()
    answers.finish()
    world.settled(profile, spent="0.01")
    record = world.record(status=200)
    equal([attempt["status"] for attempt in record["attempts"]], [503, 200], "the attempts")


@scenario(settings=BOTH, needs_switch=True)
def a_pbx_on_ipv4_speaks_through_a_carrier_on_ipv6(world):
    """A SIPp on 127.0.0.1 calls through one on ::1, which is offered IP6 and answers with it: sound comes back (RFC 6157 3.1)."""
    profile = world.profile()
    carrier = world.carrier(echo=True, ip="::1", check=check_body("c=IN IP6 ::1", "offered"), answer="{{sdp_answer_ipv6}}")
    speak(world, profile, "127.0.0.1", "127.0.0.1")
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(status=200)


@scenario(settings={"sip": {"ipv6": True}}, needs_switch=True)
def sound_at_a_version_of_ip_that_is_not_there_is_refused_with_why(world):
    """Without a media address of IPv6 an offer of it gets 488 with Warning 301 `media_family`, a carrier that is reached by it is passed
    over, and both stand in the trace (RFC 3261 20.43)."""
    profile = world.profile()
    skipped = world.carrier(ip="::1")
    answers = world.carrier()
    warned = check_header("Warning", '301 [^ ]+ .media_family', "warned")
    world.pbx("refused", profile, remote=f"[::1]:{world.server.sip_port}", ip="::1", final="488", check=warned,
              sdp="{{sdp_ipv6}}", name="on_ipv6").finish()
    refused = world.record(status=488, refusal="media_family", amount="0")
    trace = world.api.call("GET", f"/calls/{refused['id']}/trace")["steps"]
    equal([(step["rule"], step["seen"], step["wanted"]) for step in trace if step["refusal"]],
          [("media_family", "IPv6", "IPv4")], "what refused it")
    world.pbx("call", profile, options=("-d", 200)).finish()
    answers.finish()
    world.never_invited(skipped)
    newest = max(world.records(2), key=lambda record: record["invited_at"])
    equal([attempt["outcome"] for attempt in newest["attempts"]], ["no_media_address", "answered"], "the attempts")
