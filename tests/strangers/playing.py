"""Plays one scenario in a process and a network of its own, and leaves what came of it as `outcome.json` in its folder.

Not here: which scenarios are played, and which side by side (side_by_side.py).
"""

import ctypes
import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import traceback

from waiting import Failure, NotHere

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Who plays them for purposes of his own names a folder, and the results are his (tests/planted/run.py).
APART = os.environ.get("STRANGERS_OUT")
OUT = pathlib.Path(APART) if APART else ROOT / "target" / "tests" / "strangers"
CLONE_NEWNET, CLONE_NEWUSER = 0x4000_0000, 0x1000_0000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SIOCSIFADDR, SIOCSIFNETMASK = 0x8916, 0x891C


class Overdue(Exception):
    """The scenario took longer than it may."""


def own_network():
    """Gives this process and its children a network of their own, a loopback interface and nothing else: no port that anybody else
    uses is used here, and no packet of anybody else is seen. Says whether the system allows it."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET if user == 0 else CLONE_NEWNET | CLONE_NEWUSER) != 0:
        return False
    if user != 0:
        for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            pathlib.Path("/proc/self", file).write_text(line)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, SIOCGIFFLAGS, name), 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    return True


def has_addresses(*addresses):
    """Gives the loopback interface these addresses too, and says whether that could be: only in a network of our own."""
    if os.environ.get("STRANGERS_NETWORK") != "own":
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for number, address in enumerate(addresses):
            name = f"lo:{number}".encode()
            for order, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.255")):
                place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(any_socket, order, struct.pack("16s16s", name, place))
    return True


def server_for(stand_in, folder, settings):
    """The switch, or what stands in for it."""
    if stand_in:
        from stand_in import StandIn

        return StandIn(folder, settings)
    from server import Server

    return Server(folder, settings)


def played(scenario, folder, meeting, redis_for_all=False, stand_in=False):
    """One scenario: None, or what went wrong."""
    from redis_server import RedisServer
    from stalls import Stalls
    from world import World

    def overdue(_signal, _frame):
        raise Overdue(f"not through after {scenario.timeout_s} s")

    signal.signal(signal.SIGALRM, overdue)
    signal.alarm(scenario.timeout_s)
    server = redis = surroundings = None
    stalls = Stalls()
    settings = dict(scenario.settings)
    try:
        if scenario.with_redis or redis_for_all:
            redis = (scenario.with_redis or RedisServer)(folder).start()
            settings["ledger"] = {**settings.get("ledger", {}), **redis.ledger}
        surroundings = scenario.surroundings and scenario.surroundings()
        server = server_for(stand_in, folder, settings).start()
        if scenario.measures or scenario.alone:
            stalls.start()
        meeting.sip_ports = {getattr(server, f"{kind}_port", None) for kind in ("sip", "tls", "ws", "wss")}
        with World(folder, server, redis) as world:
            world.surroundings, world.stalls = surroundings, stalls
            world.at_its_end = lambda: meeting.of_world(world)
            scenario.play(world)
        return None
    except Failure as failure:
        return str(failure)
    except NotHere:
        raise
    except Exception as error:  # A fault of the harness is a failure too, told with its place.
        (folder / "traceback").write_text(traceback.format_exc())
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {pathlib.Path(place.filename).name}:{place.lineno}: {error}"
    finally:
        signal.alarm(0)
        stalls.stop()
        if server is not None and server.is_alive():
            server.kill()
        if redis is not None:
            redis.kill()
        if surroundings is not None:
            surroundings.stop()


def play(scenario, redis_for_all=False, stand_in=False):
    """What the process of one scenario does; its exit code."""
    from meeting import Meeting

    folder = OUT / scenario.name
    outcome = {"network": "own" if not scenario.network and own_network() else "shared"}
    os.environ["STRANGERS_NETWORK"] = outcome["network"]
    meeting = Meeting()
    try:
        outcome["wrong"] = played(scenario, folder, meeting, redis_for_all, stand_in)
    except NotHere as lacking:
        outcome["wrong"], outcome["lacking"] = None, str(lacking)
    outcome["peers"], outcome["directions"] = sorted(meeting.peers), sorted(meeting.directions)
    (folder / "outcome.json").write_text(json.dumps(outcome))
    return 1 if outcome["wrong"] else 0
