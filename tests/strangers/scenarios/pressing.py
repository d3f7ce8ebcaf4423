"""Keys that are pressed in a call: in the sound (RFC 4733), under each side's own number, and from INFO into the sound.

Not here: what the keys are for.
"""

import re
import socket
import struct

import handmade
from changing_ends import finish, hang_up, sound_of, status_of
from scenarios import scenario
from scenarios.changing import check_body
from sound import FRAME, HEADER
from waiting import equal, expect

PBX_KEYS, CARRIER_KEYS = 101, 96


class End:
    """One end's sound, sent packet by packet."""

    def __init__(self, ssrc):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.ssrc, self.number, self.to = ssrc, 100, None

    @property
    def port(self):
        """Where it listens."""
        return self.socket.getsockname()[1]

    def says(self, kind, payload=bytes(FRAME)):
        """Sends a packet of this payload type, the marker bit included."""
        packet = HEADER.pack(0x80, kind, self.number, self.number * FRAME, self.ssrc) + payload
        self.number += 1
        self.socket.sendto(packet, self.to)
        return packet

    def hears(self, until=lambda packets: packets, wait_s=2.0):
        """The packets that came, until there are enough."""
        self.socket.settimeout(wait_s)
        packets = []
        try:
            while not packets or not until(packets):
                packets.append(self.socket.recv(2048))
        except TimeoutError:
            pass
        return packets


def kind_of(packet):
    """Marker and payload type."""
    return packet[1]


def press(dialog, key):
    """An INFO with a key, answered 200."""
    # The helper sends no other body than descriptions, so its head says what this one is.
    body = f"Signal={key}\r\nDuration=100\r\n"
    dialog.cseq += 1
    start, headers = dialog.request("INFO", dialog.cseq)
    lines = [start, *headers, "Content-Type: application/dtmf-relay", f"Content-Length: {len(body)}"]
    dialog.line.socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), dialog.peer)
    equal(status_of(finish(dialog, "INFO", dialog.cseq)), 200, "the answer to INFO")


def a_key(packets, number, event, what):
    """Fails unless these are the packets of one key: one timestamp, a growing duration, a marked first and three ends."""
    keys = [packet for packet in packets if kind_of(packet) & 0x7F == number]
    expect(len(keys) >= 5, f"{what}: {len(keys)} packets of keys, types {[kind_of(packet) & 0x7F for packet in packets]}")
    heads = [HEADER.unpack_from(packet) for packet in keys]
    told = [struct.unpack_from("!BBH", packet, HEADER.size) for packet in keys]
    equal({one[0] for one in told}, {event}, f"{what}: the event")
    equal(len({head[3] for head in heads}), 1, f"{what}: timestamps")
    equal([bool(kind_of(packet) & 0x80) for packet in keys].count(True), 1, f"{what}: marked packets")
    equal([bool(one[1] & 0x80) for one in told].count(True), 3, f"{what}: ends")
    durations = [one[2] for one in told]
    expect(durations == sorted(durations) and durations[-1] == 800, f"{what}: durations {durations}")
    numbers = [head[2] for head in heads]
    equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), f"{what}: numbers")


def is_over(packets):
    """Whether three ends came."""
    return sum(len(packet) == HEADER.size + 4 and bool(packet[HEADER.size + 1] & 0x80) for packet in packets) >= 3


@scenario(needs_switch=True)
def keys_arrive_under_each_sides_own_number_and_from_info_in_the_sound(world):
    """A PBX with telephone-event 101 and a carrier with 96 understand each other's keys, each finds its own number in its answer, and a key
    by INFO is put into the sound of who hears keys there (RFC 3264 6.1, RFC 4733 2.5.1)."""
    profile = world.profile()
    of_pbx, of_carrier = End(0xA), End(0xB)
    with handmade.Carrier() as trunk, handmade.Caller(world.server.sip, profile) as line:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        pbx, carrier = line.call("+12025550123", trunk, of_pbx.port, of_carrier.port, keys=(PBX_KEYS, CARRIER_KEYS))
        expect(f"RTP/AVP 0 {PBX_KEYS}" in pbx.answer, f"the PBX is answered: {pbx.answer}")
        of_pbx.to, of_carrier.to = sound_of(pbx.answer), sound_of(carrier.offer)
        for speaker, hearer, said, heard in ((of_pbx, of_carrier, PBX_KEYS, CARRIER_KEYS),
                                             (of_carrier, of_pbx, CARRIER_KEYS, PBX_KEYS)):
            sound = speaker.says(0)
            equal(hearer.hears(), [sound], "sound, byte for byte")
            key = speaker.says(0x80 | said, struct.pack("!BBH", 1, 10, 160))
            equal(hearer.hears(), [key[:1] + bytes([0x80 | heard]) + key[2:]], "a key, but for its number")
        press(pbx, "5")
        a_key(of_carrier.hears(is_over), CARRIER_KEYS, 5, "a key of the PBX")
        press(carrier, "#")
        a_key(of_pbx.hears(is_over), PBX_KEYS, 11, "a key of the carrier")
        last = of_pbx.number
        of_pbx.says(0)
        after = HEADER.unpack_from(of_carrier.hears()[-1])[2]
        expect(after > last, f"sound goes on with number {after}, behind the key, though it was sent as {last}")
        hang_up(pbx, carrier)
    for end in (of_pbx, of_carrier):
        end.socket.close()
    world.settled(profile, spent="0.01")


# SIPp numbers the keys that it plays 96.
PLAYS_KEYS = ("v=0\no=- 20518 1 IN IP4 [media_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 0 96\n"
              "a=rtpmap:0 PCMU/8000\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15\n")
WITHOUT_KEYS = "v=0\no=- 20519 1 IN IP4 [media_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 0\n"
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO"


@scenario(needs_switch=True)
def keys_in_the_sound_reach_a_carrier_by_info(world):
    """SIPp plays two keys in its sound; a SIPp carrier without telephone-event, whose Allow has INFO, gets one INFO for each, in order
    (RFC 4733 2.5.1.4)."""
    profile = world.profile()
    carrier = world.carrier("carrier_keys", first="5", second="#", allow=ALLOW, answer=WITHOUT_KEYS)
    world.pbx("call", profile, sdp=PLAYS_KEYS, check=check_body("a=rtpmap:96 telephone-event/8000", "told"),
              media='<nop><action><exec play_dtmf="5#"/></action></nop>', options=("-d", 2_000)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


def pressed(end, event, timestamp, numbers, kind, duration=800):
    """Packets of a key: (number, end or not) each, in the order in which they come."""
    for number, is_end in numbers:
        said = struct.pack("!BBH", event, 0x8A if is_end else 10, duration)
        end.socket.sendto(HEADER.pack(0x80, kind, number, timestamp, end.ssrc) + said, end.to)


@scenario(needs_switch=True)
def keys_are_told_once_each_whatever_is_lost_and_never_to_who_takes_no_info(world):
    """`dtmf = info`: keys of the carrier, repeated, doubled, out of order, their ends lost, are one INFO each to the PBX and leave its
    sound; the carrier, whose Allow has no INFO, hears the PBX's in its sound (RFC 4733 2.5.1.4)."""
    profile = world.profile(dtmf="info")
    of_pbx, of_carrier = End(0xA), End(0xB)
    with handmade.Carrier() as trunk, handmade.Caller(world.server.sip, profile) as line:
        world.api.create_carrier("handmade", trunk.address, priority=1, dtmf="info")
        pbx, carrier = line.call("+12025550123", trunk, of_pbx.port, of_carrier.port, keys=(PBX_KEYS, CARRIER_KEYS),
                                 more=[f"Allow: {ALLOW}"])
        of_pbx.to, of_carrier.to = sound_of(pbx.answer), sound_of(carrier.offer)
        for end, hearer in ((of_pbx, of_carrier), (of_carrier, of_pbx)):
            sound = end.says(0)
            equal(hearer.hears(), [sound], "sound, byte for byte")
        key = of_pbx.says(0x80 | PBX_KEYS, struct.pack("!BBH", 1, 10, 160))
        equal(of_carrier.hears(), [key[:1] + bytes([0x80 | CARRIER_KEYS]) + key[2:]], "a key of the PBX, in the sound")
        # Doubled and out of order; only its middle; only its end.
        pressed(of_carrier, 3, 50_000, [(201, False), (203, True), (202, False), (203, True), (204, True)], CARRIER_KEYS)
        pressed(of_carrier, 10, 60_000, [(206, False)], CARRIER_KEYS, duration=640)
        pressed(of_carrier, 9, 70_000, [(210, True)], CARRIER_KEYS, duration=1600)
        for signal, lasted in (("3", "100"), ("*", "80"), ("9", "200")):
            info, peer = line.receive("an INFO", lambda text: text.startswith("INFO "))
            equal(re.findall(r"^(?:Signal|Duration)=(.*?)\r?$", info, re.MULTILINE), [signal, lasted], "what the INFO says")
            line.send(peer, *handmade.answer_to(info, "200 OK"))
        of_carrier.number = 211
        sound = of_carrier.says(0)
        (heard,) = of_pbx.hears()
        equal((heard[1], heard[4:]), (0, sound[4:]), "the sound after the keys, and nothing before it")
        equal(HEADER.unpack_from(heard)[2], 101, "its number: none is missing")
        hang_up(pbx, carrier)
    for end in (of_pbx, of_carrier):
        end.socket.close()
    world.settled(profile, spent="0.01")
