"""Waiting for what can be observed, with a deadline and a sentence when it does not come.

Not here: sleeping in the hope that something has happened.
"""

import os
import random
import signal
import socket
import subprocess
import time

POLL_S = 0.02


class Failure(Exception):
    """What a scenario saw that should not be; the text is for a person."""


class NotHere(Exception):
    """This machine lacks what a scenario needs; the text says what. Neither passed nor failed."""


def expect(condition, sentence):
    """Fails with the sentence unless the condition holds."""
    if not condition:
        raise Failure(sentence)


def equal(found, expected, what):
    """Fails, saying both, unless found is what was expected."""
    if found != expected:
        raise Failure(f"{what}: expected {expected!r}, found {found!r}")


def until(observe, what, deadline_s=10.0):
    """Asks again and again until the answer is true, and gives it back.

    `observe` may raise `OSError` or `Failure` for "not yet"; the last of these is told when the deadline passes.
    """
    deadline = time.monotonic() + deadline_s
    last = None
    while True:
        try:
            answer = observe()
            if answer:
                return answer
            last = answer
        except (OSError, Failure) as error:
            last = error
        if time.monotonic() >= deadline:
            raise Failure(f"waited {deadline_s:g} s for {what}; last seen: {last!r}")
        time.sleep(POLL_S)


def ended(process, seconds=10):
    """Asks a child to end, and makes it where it does not within the time; with its children, where it leads a session."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        leads = os.getsid(process.pid) == process.pid
        os.killpg(process.pid, signal.SIGKILL) if leads else process.kill()
        process.wait()


_given = set()
# Which of the places side by side this process has (side_by_side.py): each has ports of its own. A program of its own has them all.
PLACES_MAX = 8
_place = os.environ.get("STRANGERS_PLACE")


def own_ports(low, high):
    """This process's share of a range of ports, begun at a random one, so that a port is not given out again soon."""
    if _place is not None:
        share = (high - low) // PLACES_MAX
        low += int(_place) % PLACES_MAX * share
        high = low + share
    first = random.randrange(low, high)
    return [*range(first, high), *range(low, first)]


def free_port(udp=True, tcp=True, address="127.0.0.1", with_next=False):
    """A port of the address that nobody holds now, for UDP, TCP or both, that was not given out before, and that the kernel gives
    to nobody by itself; `with_next`: and the port after it, where a phone listens for TLS."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as known:
        last_of_the_kernel = int(known.read().split()[1])
    low, high = (last_of_the_kernel + 1, 65_535) if last_of_the_kernel < 62_000 else (1_100, 5_900)
    for port in own_ports(low, high):
        ports = {port, port + 1} if with_next else {port}
        if ports & _given or max(ports) > high:
            continue
        held = []
        try:
            for wanted, kind in ((udp, socket.SOCK_DGRAM), (tcp, socket.SOCK_STREAM)):
                if wanted:
                    held.append(socket.socket(socket.AF_INET, kind))
                    held[-1].bind((address, port))
            if with_next:
                held.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                held[-1].bind((address, port + 1))
            _given.update(ports)
            return port
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    raise Failure(f"no port from {low} to {high} is free")


def free_media_port(count=4, low=6000, high=8880):
    """An even port below the switch's media ports whose `count` ports nobody holds now; and below 8888, from where each SIPp takes the
    first port that it finds to be controlled by."""
    for port in own_ports(low, high - count):
        if port % 2:
            continue
        held = []
        try:
            if any(port + offset in _given for offset in range(count)):
                continue
            for offset in range(count):
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind(("127.0.0.1", port + offset))
            _given.update(range(port, port + count))
            return port
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    raise Failure(f"no {count} free media ports between {low} and {high}")
