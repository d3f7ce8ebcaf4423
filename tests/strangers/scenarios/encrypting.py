"""Secure sound: SRTP with keys in the session description (RFC 4568), off, preferred and required, beside plain RTP.

Not here: TLS, which keeps the keys secret on the way; these stories have it switched off (`srtp_needs_tls`).
"""

import base64
import re
import time

import handmade
import sound
import tandem_api
from changing_ends import Stream, description, flow_of, reply, sound_of
from phones import Baresip, Linphone
from scenarios import scenario
from scenarios.receiving import NUMBER, Outside
from scenarios.registering import state_of, until_registered_at
from sipp_agent import check_header
from waiting import equal, expect, until
from wire import Wire, entropy
from world import UNITED_STATES

# Seconds of sound that a phone plays.
PLAYED_S = 5
CLEAR = {"media": {"srtp_needs_tls": False}}
# A sweep in mu-law has 6.2 bits a byte, 100 encrypted packets have 7.98.
SECRET_BITS, CLEAR_BITS, PACKETS_MIN = 7.9, 7.0, 100
MANDATORY = ";mediaenc=srtp-mand"
PBX_PORTS, CARRIER_PORTS, LINPHONE_PORTS = range(33_000, 34_001), range(35_000, 36_001), range(37_000, 37_002)
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
SAVP = ("v=0\no=- 20518 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 40000 RTP/SAVP 0\n"
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|1:1\n")


def phone(world, profile, played, **more):
    """A phone that insists on SRTP and plays this."""
    name = more.setdefault("name", "baresip")
    plays = world.folder / f"{name}.wav"
    sound.write_wave(plays, played)
    made = Baresip(world.folder, more.pop("server", world.server.sip), profile, plays, account=MANDATORY, **more)
    world.agents.append(made)
    return made


def hears_itself(caller, carrier, place, played):
    """The phone calls this place by way of a carrier that echoes, hears what it plays come back, and hangs up."""
    caller.until_registered()
    caller.order("dial", f"sip:{place}")
    caller.until_event("CALL_ESTABLISHED")
    until_heard(caller)
    caller.order("hangup")
    caller.until_event("CALL_CLOSED")
    caller.stop()
    carrier.finish()
    alike(played, caller.heard(), "what came back")


def wire(world):
    """A listener on the way, for as long as the scenario."""
    made = Wire()
    made.stop = made.close
    world.agents.append(made)
    return made


def until_heard(*phones):
    """Waits until each phone has heard nearly all that is played."""

    def have_heard():
        for one in phones:
            expect(one.has_event("CALL_CLOSED") or one.recorded_s() > PLAYED_S * 0.8, f"{one.recorded_s():.2f} s heard")
        return True

    until(have_heard, "the sound to be heard", PLAYED_S + 15)


def alike(played, heard, what):
    """Fails where what was heard is not what was played."""
    # A piece out of the middle: the first and the last moments may be under way yet when a phone ends.
    middle = len(played) // 2
    piece = played[middle:middle + sound.RATE_HZ // 2]
    likeness = sound.correlation(piece, heard[sound.RATE_HZ:4 * sound.RATE_HZ], window_s=0.25, windows=1)
    expect(likeness > 0.9, f"{what} is like what was played by {likeness:.3f}, expected over 0.9")


def secret(overheard, what):
    """Fails where what went over the wire could be listened to; many packets must have gone."""
    expect(len(overheard) >= PACKETS_MIN * sound.FRAME, f"{what}: only {len(overheard) // sound.FRAME} packets were overheard")
    bits = entropy(overheard)
    expect(bits > SECRET_BITS, f"{what}: a byte tells {bits:.2f} bits, of what is encrypted it is 8")


def clear(overheard, what):
    """Fails where what went over the wire was no plain sound: then the listener would be deaf to it elsewhere too."""
    expect(len(overheard) >= PACKETS_MIN * sound.FRAME, f"{what}: only {len(overheard) // sound.FRAME} packets were overheard")
    bits = entropy(overheard)
    expect(bits < CLEAR_BITS, f"{what}: a byte tells {bits:.2f} bits, of a tone it is about 6")


def is_of(ports):
    """Packets from or to a phone with these ports."""
    return lambda from_port, to_port: from_port in ports or to_port in ports


@scenario(settings=CLEAR, needs_switch=True, timeout_s=90, listens=True)
def a_secure_phone_calls_through_a_plain_carrier(world):
    """baresip with mandatory SRTP hears itself by way of a carrier without: on its own side of the wire nobody can listen
    (T7, RFC 4568)."""
    profile = world.profile(srtp="required")
    listener = wire(world)
    carrier = world.carrier("carrier", echo=True)
    played = sound.sweep(PLAYED_S)
    caller = phone(world, profile, played)
    hears_itself(caller, carrier, f"{UNITED_STATES}@{world.server.sip}", played)
    secret(listener.overheard(is_of(PBX_PORTS)), "the PBX's side")
    clear(listener.overheard(lambda *ports: not any(port in PBX_PORTS for port in ports)), "the carrier's side")
    offered = re.search(r"m=audio [0-9]+ (\S+)", carrier.messages())
    expect(offered and offered.group(1) == "RTP/AVP", "the plain carrier was not offered RTP/AVP")
    expect("a=crypto" not in carrier.messages(), "a carrier with srtp = off was offered keys")
    world.until_idle(profile)
    there, back = tandem_api.packets(world.record(status=200))
    expect(there >= 100 and back >= 100, f"the record counts {there} packets there and {back} back")


@scenario(settings={"sip": {"ipv6": True}, "media": {"second_address": "::1", "srtp_needs_tls": False}}, needs_switch=True, timeout_s=90)
def a_secure_phone_on_ipv6_speaks_through_a_plain_carrier_on_ipv4(world):
    """baresip on ::1 with mandatory SRTP hears itself by way of a plain SIPp on 127.0.0.1 (RFC 6157 3.1, RFC 4568)."""
    profile = world.profile(srtp="required")
    carrier = world.carrier("carrier", echo=True)
    played = sound.sweep(PLAYED_S)
    switch = f"[::1]:{world.server.sip_port}"
    caller = phone(world, profile, played, server=switch, ip="::1")
    hears_itself(caller, carrier, f"{UNITED_STATES}@{switch}", played)
    expect(re.search(r"m=audio [0-9]+ RTP/AVP ", carrier.messages()), "the plain carrier was not offered RTP/AVP")
    expect("c=IN IP4 127.0.0.1" in carrier.messages(), "the carrier was not offered its own version of IP")
    world.until_idle(profile)
    world.record(status=200)


@scenario(settings=CLEAR, needs_switch=True, timeout_s=90, listens=True)
def two_secure_phones_hear_each_other(world):
    """baresip as PBX and baresip as carrier, both with mandatory SRTP: each hears the other, and nothing on the wire is clear
    (T7, RFC 3711)."""
    profile = world.profile(srtp="required")
    listener = wire(world)
    of_pbx, of_carrier = sound.sweep(PLAYED_S), sound.sweep(PLAYED_S, from_hz=2400, to_hz=400)
    called = phone(world, None, of_carrier, answers_as=UNITED_STATES, name="carrier_phone",
                   rtp=f"{CARRIER_PORTS[0]}-{CARRIER_PORTS[-1]}")
    world.api.create_carrier("secure", called.address, srtp="required")
    caller = phone(world, profile, of_pbx)
    caller.until_registered()
    caller.order("dial", f"sip:{UNITED_STATES}@{world.server.sip}")
    caller.until_event("CALL_ESTABLISHED")
    until_heard(caller, called)
    caller.order("hangup")
    called.until_event("CALL_CLOSED")
    caller.until_event("CALL_CLOSED")
    caller.stop()
    called.stop()
    alike(of_carrier, caller.heard(), "what the PBX heard")
    alike(of_pbx, called.heard(), "what the carrier heard")
    secret(listener.overheard(is_of(PBX_PORTS)), "the PBX's side")
    secret(listener.overheard(is_of(CARRIER_PORTS)), "the carrier's side")
    world.until_idle(profile)
    for reason in ("srtp_auth", "srtp_replay"):
        discarded = world.api.metric("tandem_rtp_packets_discarded_total", reason=reason)
        # A phone may send a report before it has the keys.
        expect(discarded <= 2, f"{discarded} packets were discarded as {reason}")


def each_heard_the_other(caller, called, of_caller, of_called):
    """linphone has called baresip: both speak for a while, baresip hangs up, and each has recorded what the other played."""
    until_heard(called)
    until(lambda: caller.recorded_s() > PLAYED_S * 0.8, "linphone to have heard baresip", 10)
    called.order("hangup")
    called.until_event("CALL_CLOSED")
    caller.until_said("Call .* ended|Call .* terminated", "linphone's call to end")
    caller.stop()
    called.stop()
    alike(of_called, caller.heard(), "what linphone heard")
    alike(of_caller, called.heard(), "what baresip heard")


@scenario(settings=CLEAR, needs_switch=True, timeout_s=90, listens=True)
def two_different_secure_phones_hear_each_other(world):
    """linphone as PBX and baresip as carrier, both with mandatory SRTP, keys of their own: each hears the other, nothing is clear
    (T7, RFC 3711)."""
    profile = world.profile(srtp="required")
    listener = wire(world)
    of_pbx, of_carrier = sound.sweep(PLAYED_S), sound.sweep(PLAYED_S, from_hz=2400, to_hz=400)
    called = phone(world, None, of_carrier, answers_as=UNITED_STATES, name="carrier_phone",
                   rtp=f"{CARRIER_PORTS[0]}-{CARRIER_PORTS[-1]}")
    world.api.create_carrier("secure", called.address, srtp="required")
    plays = world.folder / "linphone.wav"
    sound.write_wave(plays, of_pbx)
    caller = Linphone(world.folder, world.server.sip, profile, world.server.realm, plays, rtp_port=LINPHONE_PORTS[0])
    world.agents.append(caller)
    until(lambda: until_registered_at(world, profile, caller.port) is None, "linphone to register", 15)
    caller.order(f"call sip:{UNITED_STATES}@{world.server.sip}")
    called.until_event("CALL_ESTABLISHED")
    each_heard_the_other(caller, called, of_pbx, of_carrier)
    secret(listener.overheard(is_of(LINPHONE_PORTS)), "linphone's side")
    secret(listener.overheard(is_of(CARRIER_PORTS)), "baresip's side")
    world.until_idle(profile)


@scenario(settings={"tls": {}}, needs_switch=True, timeout_s=90, listens=True)
def two_different_phones_over_tls_give_a_listener_neither_sound_nor_keys(world):
    """linphone calls baresip's number, both over TLS with SRTP as shipped: each hears the other, and a listener on the wire has neither
    clear RTP nor a key (RFC 3711, RFC 4568 7)."""
    caller_profile, called_profile = world.profile("linphone", srtp="required"), world.profile("baresip", srtp="required")
    world.api.create_number(NUMBER, called_profile)
    listener = wire(world)
    of_caller, of_called = sound.sweep(PLAYED_S), sound.sweep(PLAYED_S, from_hz=2400, to_hz=400)
    plays, authority = world.folder / "baresip.wav", world.server.authority.ca
    sound.write_wave(plays, of_called)
    called = Baresip(world.folder, world.server.tls, called_profile, plays, transport="tls", authority=authority,
                     account=MANDATORY, answers_as=NUMBER.strip("+"))
    world.agents.append(called)
    called.until_registered()
    plays = world.folder / "linphone.wav"
    sound.write_wave(plays, of_caller)
    caller = Linphone(world.folder, world.server.tls, caller_profile, world.server.realm, plays, rtp_port=LINPHONE_PORTS[0],
                      authority=authority)
    world.agents.append(caller)
    until(lambda: state_of(world, caller_profile)["transport"] == "tls", "linphone to register over TLS", 15)
    caller.order(f"call sip:{NUMBER}@{world.server.tls};transport=tls")
    called.until_event("CALL_ESTABLISHED", 15)
    each_heard_the_other(caller, called, of_caller, of_called)
    secret(listener.overheard(is_of(LINPHONE_PORTS)), "linphone's side")
    secret(listener.overheard(is_of(PBX_PORTS)), "baresip's side")
    spoken = listener.spoken(lambda *ports: world.server.tls_port in ports)
    expect(len(spoken) > 5_000, f"only {len(spoken)} bytes of signalling were overheard")
    everything = listener.spoken(lambda *_: True)
    for secret_word in (b"inline:", b"a=crypto", b"m=audio", b"INVITE sip:"):
        expect(secret_word not in everything, f"{secret_word.decode()} stood on the wire in clear")
    expect(world.api.metric("tandem_srtp_keys_in_clear_total") == 0, "keys in clear were counted")
    world.until_idle(caller_profile)


@scenario(settings=CLEAR, needs_switch=True, timeout_s=60, listens=True)
def a_secure_phone_holds_by_its_own_key_and_resumes(world):
    """baresip's own hold key, under SRTP: the plain carrier is told sendonly, after the second press sendrecv, and sound goes on both ways;
    the wire of the phone is never clear (RFC 3264 8.4, RFC 3711)."""
    profile = world.profile(srtp="required")
    listener, of_carrier = wire(world), Stream(0xB)
    with handmade.Carrier() as trunk:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        caller = phone(world, profile, sound.sweep(PLAYED_S))
        caller.until_registered()
        caller.order("dial", f"sip:{UNITED_STATES}@{world.server.sip}")
        carrier = trunk.acknowledged(trunk.answer(of_carrier.port))
        of_carrier.to = sound_of(carrier.offer)
        until(lambda: of_carrier.heard, "the phone's sound at the carrier", 5)
        (of_phone,) = {ssrc for ssrc, _ in of_carrier.heard}
        for key, asked, answered in (("hold", "sendonly", "recvonly"), ("resume", "sendrecv", "sendrecv")):
            pressed = time.monotonic()
            caller.order(key)
            told = reply(carrier, "INVITE", description(of_carrier.port, answered))
            equal(flow_of(told), asked, f"what the carrier is told after {key}")
        until(lambda: of_carrier.first_after(pressed, of_phone), "the phone's sound after it resumed", 5)
        # The carrier's port is of the kernel's choice, and may be one of the phone's range.
        is_phones = lambda *ports: of_carrier.port not in ports and is_of(PBX_PORTS)(*ports)
        until(lambda: len(listener.overheard(is_phones)) > 2 * PACKETS_MIN * sound.FRAME, "enough to listen to", 10)
        caller.order("hangup")
        reply(carrier, "BYE")
        caller.until_event("CALL_CLOSED")
    caller.stop()
    secret(listener.overheard(is_phones), "the PBX's side")
    of_carrier.close()
    world.until_idle(profile)
    world.record(cause="normal", status=200)


@scenario(settings=CLEAR, needs_switch=True, timeout_s=90, listens=True)
def a_plain_carrier_calls_a_secure_phone(world):
    """The other way round: a carrier without SRTP calls a number of a PBX that requires it (T7, RFC 4568)."""
    profile = world.profile(srtp="required")
    world.api.create_number(NUMBER, profile)
    listener = wire(world)
    played = sound.sweep(PLAYED_S)
    called = phone(world, profile, played, answers_as=NUMBER.strip("+"))
    called.until_registered()
    until_registered_at(world, profile, int(called.address.rsplit(":", 1)[1]))
    caller = Outside(world).calls(NUMBER, echo=True, options=("-d", (PLAYED_S + 2) * 1000))
    called.until_event("CALL_ESTABLISHED")
    until_heard(called)
    called.order("hangup")
    called.until_event("CALL_CLOSED")
    called.stop()
    caller.stop()
    alike(played, called.heard(), "what came back")
    secret(listener.overheard(is_of(PBX_PORTS)), "the PBX's side")
    world.until_idle(profile)


@scenario(settings=CLEAR, needs_switch=True)
def required_refuses_a_plain_phone(world):
    """A profile that requires SRTP refuses an offer of plain RTP with 488 `srtp_required`, unheard by the carrier and free
    (T7, RFC 4568)."""
    profile = world.profile(srtp="required")
    carrier = world.carrier()
    world.pbx("refused", profile, final="488", check=check_header("Warning", "srtp_required", "warned")).finish()
    world.never_invited(carrier)
    world.settled(profile)
    world.record(status=488, refusal="srtp_required", amount="0")


@scenario(needs_switch=True)
def required_takes_no_keys_that_others_can_read(world):
    """As shipped, a profile that requires SRTP refuses keys that came over UDP: whoever reads them hears the call
    (T7, RFC 4568 8.3)."""
    profile = world.profile(srtp="required")
    carrier = world.carrier()
    world.pbx("refused", profile, final="488", check=check_header("Warning", "TLS", "warned"), sdp=SAVP).finish()
    world.never_invited(carrier)
    world.settled(profile)
    world.record(status=488, refusal="srtp_required", amount="0")


@scenario(needs_switch=True)
def off_refuses_a_phone_that_insists(world):
    """A profile without SRTP refuses an offer of RTP/SAVP with 488 `srtp_off`, and says what would be right (T7)."""
    profile = world.profile()
    carrier = world.carrier()
    world.pbx("refused", profile, final="488", check=check_header("Warning", "srtp_off", "warned"), sdp=SAVP).finish()
    world.never_invited(carrier)
    world.settled(profile)
    world.record(status=488, refusal="srtp_off", amount="0")


@scenario(needs_switch=True, listens=True)
def preferred_falls_back_to_plain_and_keys_are_found_nowhere(world):
    """A carrier with `preferred` is offered keys beside plain RTP and answers plain: sound goes through, and no key is in logs,
    store, journal or API (T7, RFC 8643)."""
    profile = world.profile(srtp="preferred")
    listener = wire(world)
    carrier = world.carrier(echo=True, settings={"srtp": "preferred"})
    from scenarios.sounding import hears_itself

    hears_itself(world, profile, UNITED_STATES, sound.RtpEnd.returned, missing=10)
    carrier.finish()
    invite = carrier.messages()
    offered = re.search(r"m=audio [0-9]+ (\S+)", invite)
    expect(offered and offered.group(1) == "RTP/AVP", "what is only preferred must be offered as RTP/AVP (RFC 8643)")
    keys = re.findall(r"a=crypto:[0-9]+ \S+ inline:([A-Za-z0-9+/=]+)", invite)
    expect(len(keys) >= 3, f"{len(keys)} keys were offered, 3 suites are known")
    # Over UDP a listener has them too, and the operator is told.
    expect(all(key.encode() in listener.spoken(lambda *_: True) for key in keys), "the listener is deaf to what stands in clear")
    counted = world.api.metric("tandem_srtp_keys_in_clear_total", side="peering")
    expect(counted == 1, f"{counted} legs with keys in clear were counted")
    told = world.profile_now(profile)["warnings"]
    expect(told == [], f"a profile that is not registered has no transport to warn of: {told}")
    world.settled(profile, spent="0.01")
    steps = world.api.get(f"/calls/{world.record(status=200)['id']}/trace")["steps"]
    warned = [(step["verdict"], step["seen"], step["wanted"]) for step in steps if step["rule"] == "keys"]
    equal(warned, [("warned", "SDES over UDP, to and from the carrier", "signalling over TLS")], "what the trace warns of")
    nowhere(world, keys)


def nowhere(world, keys):
    """Fails where a key stands in what the switch writes or tells."""
    forms = [form for key in keys for form in (key.encode(), base64.b64decode(key), base64.b64decode(key).hex().encode())]
    told = [("the API", repr(world.api.records()).encode()), ("/metrics", world.api.metrics().encode())]
    files = [path for path in [*world.server.data.rglob("*"), *world.server.folder.glob("serve.*.log")] if path.is_file()]
    for place, content in [*told, *((path.name, path.read_bytes()) for path in files)]:
        expect(not any(form in content for form in forms), f"a key of the call stands in {place}")
