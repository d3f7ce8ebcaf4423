"""Sound as samples: a sweep, G.711, wave files, RTP over a plain socket, and how alike two sounds are.

Not here: who plays and who listens.
"""

import array
import heapq
import math
import random
import socket
import struct
import threading
import time
import wave

RATE_HZ = 8000
# Samples in a packet of 20 ms.
FRAME = 160
# Version and flags, marker and payload type, sequence, timestamp, SSRC (RFC 3550 5.1).
HEADER = struct.Struct("!BBHII")


def sweep(seconds, from_hz=400, to_hz=2400, loudness=0.4):
    """A tone that rises all the time, so that no part of it looks like another."""
    samples = array.array("h")
    for index in range(int(seconds * RATE_HZ)):
        t = index / RATE_HZ
        phase = 2 * math.pi * (from_hz * t + (to_hz - from_hz) * t * t / (2 * seconds))
        samples.append(int(32767 * loudness * math.sin(phase)))
    return samples


def write_wave(path, samples):
    """16-bit mono at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def read_wave(path):
    """The samples of a file of 16-bit mono."""
    with wave.open(str(path)) as file:
        samples = array.array("h")
        samples.frombytes(file.readframes(file.getnframes()))
        return samples


def wave_seconds(path):
    """Seconds in a file of 16-bit mono at 8 kHz that is still being written, by its size: the header is put right at its end."""
    return path.stat().st_size / 2 / RATE_HZ


def correlation(sent, heard, window_s=1.5, windows=5):
    """The best normalised correlation of a window of `sent` with any part of `heard`, 0 to 1: several windows are tried, so that a
    packet that a busy machine lost in one of them does not hide that the sound came back."""
    length = min(int(window_s * RATE_HZ), len(sent) // 2)
    best = 0.0
    for begin in range(0, len(sent) - length + 1, max(1, (len(sent) - length) // max(1, windows - 1))):
        best = max(best, _likeness(sent[begin:begin + length], heard))
        if best > 0.99:
            break
    return best


def _likeness(pattern, heard):
    length, last = len(pattern), len(heard) - len(pattern)
    if length < FRAME or last < 0:
        return 0.0
    # A few samples, at irregular places (regular ones would take one pitch for another), find where, and ever more of them of ever
    # fewer places; all of them judge.
    places = range(last + 1)
    for probes, likely in ((40, 200), (300, 5)):
        probes = random.Random(1).sample(range(length), min(length, probes))
        few = [pattern[probe] for probe in probes]
        found = heapq.nlargest(likely, ((_alike(few, [heard[at + probe] for probe in probes]), at) for at in places))
        places = [at for _, at in found]
    return max(_alike(pattern, heard[at:at + length]) for at in places)


def _alike(a, b):
    dot = sum(map(int.__mul__, a, b))
    size = math.sqrt(sum(map(int.__mul__, a, a)) * sum(map(int.__mul__, b, b)))
    return dot / size if size else 0.0


def tones(samples, hz, loudness=1000):
    """Where a tone of so many Hz is heard, from and to in seconds: frames of 20 ms in which it has at least that amplitude (Goertzel's
    algorithm)."""
    found = []
    for number, begin in enumerate(range(0, len(samples) - FRAME + 1, FRAME)):
        factor, one, two = 2 * math.cos(2 * math.pi * hz / RATE_HZ), 0.0, 0.0
        for sample in samples[begin:begin + FRAME]:
            one, two = sample + factor * one - two, one
        amplitude = math.sqrt(max(0.0, one * one + two * two - factor * one * two)) * 2 / FRAME
        if amplitude >= loudness:
            at = number * FRAME / RATE_HZ
            if found and abs(found[-1][1] - at) < FRAME / RATE_HZ / 2:
                found[-1] = (found[-1][0], at + FRAME / RATE_HZ)
            else:
                found.append((at, at + FRAME / RATE_HZ))
    return found


def ulaw(sample):
    """One sample as G.711 mu-law (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


def from_ulaw(byte):
    """One mu-law byte as a sample."""
    byte = ~byte & 0xFF
    magnitude = ((byte & 0x0F) << 3) + 132 << (byte >> 4 & 0x07)
    return 132 - magnitude if byte & 0x80 else magnitude - 132


class RtpEnd(threading.Thread):
    """One end of an RTP stream on a plain socket: sends numbered packets of 20 ms, keeps what comes back."""

    def __init__(self, ip="127.0.0.1"):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        # Whole packets: what was sent, by number, and what came, by sequence number.
        self.sent = {}
        self.received = {}
        self.lock = threading.Lock()
        self.is_open = True
        self.start()

    def run(self):
        """Keeps every packet by its sequence number."""
        while self.is_open:
            try:
                packet = self.socket.recv(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            if len(packet) > HEADER.size and packet[0] >> 6 == 2:
                with self.lock:
                    self.received[HEADER.unpack_from(packet)[2]] = packet

    def send(self, address, samples, ssrc=0x5EED, payload_type=0):
        """Sends the samples as PCMU in real time."""
        due = time.monotonic()
        for number, begin in enumerate(range(0, len(samples) - FRAME + 1, FRAME)):
            payload = bytes(map(ulaw, samples[begin:begin + FRAME]))
            packet = HEADER.pack(0x80, payload_type, number, number * FRAME, ssrc) + payload
            self.sent[number] = packet
            self.socket.sendto(packet, address)
            due += FRAME / RATE_HZ
            # The packets' own rhythm, not a wait for somebody.
            time.sleep(max(0.0, due - time.monotonic()))

    def returned(self):
        """How many of the packets sent came back unchanged, header and all: what a relay owes."""
        with self.lock:
            return sum(self.received.get(number) == packet for number, packet in self.sent.items())

    def echoed(self):
        """How many of the packets sent came back as one stream of somebody else's: another SSRC, sequence and timestamp with an
        origin of their own and our gaps and pace; all else as it was sent. What an echo owes (RFC 3550 5.1)."""
        with self.lock:
            packets = list(self.received.values())
        numbers = {packet[HEADER.size:]: number for number, packet in self.sent.items()}
        streams = {}
        for packet in packets:
            number = numbers.get(packet[HEADER.size:])
            if number is None:
                continue
            flags, kind, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
            own_flags, own_kind, own_sequence, own_timestamp, own_ssrc = HEADER.unpack_from(self.sent[number])
            if (flags, kind) == (own_flags, own_kind) and ssrc != own_ssrc:
                stream = (ssrc, sequence - own_sequence & 0xFFFF, timestamp - own_timestamp & 0xFFFFFFFF)
                streams.setdefault(stream, set()).add(number)
        return max(map(len, streams.values()), default=0)

    def heard(self):
        """All that came, as samples in the order of sequence numbers; what is missing is silence."""
        with self.lock:
            numbers = sorted(self.received)
            packets = dict(self.received)
        samples = array.array("h")
        for number in range(numbers[0], numbers[-1] + 1) if numbers else ():
            payload = packets[number][HEADER.size:] if number in packets else b"\xff" * FRAME
            samples.extend(map(from_ulaw, payload))
        return samples

    def close(self):
        """Ends it."""
        self.is_open = False
        self.socket.close()
