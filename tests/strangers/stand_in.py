"""Kamailio in place of the switch, so that the scenarios themselves can be judged: SIP only, no books, no media.

Not here: anything that says whether the switch is right.
"""

import pathlib
import subprocess

from phones import kamailio_modules, start_kamailio
from raw import ask, request
from waiting import ended, equal, free_port, until

HERE = pathlib.Path(__file__).resolve().parent


class StandIn:
    """What `Server` is to a scenario, made of Kamailio."""

    judges_money = False
    realm = "tandem"

    def __init__(self, folder, _settings=None):
        self.folder = pathlib.Path(folder) / "stand_in"
        self.folder.mkdir(parents=True)
        self.sip_port = free_port()
        config = (HERE / "stand_in.cfg").read_text()
        for name, value in (("PORT", self.sip_port), ("MODULES", kamailio_modules()), ("REALM", self.realm),
                            ("SOCKET", self.folder / "ctl")):
            config = config.replace(f"@{name}@", str(value))
        (self.folder / "kamailio.cfg").write_text(config)
        self.api = StandInApi(self)
        self.process = None

    @property
    def sip(self):
        """Where PBXs send their requests."""
        return f"127.0.0.1:{self.sip_port}"

    def start(self):
        """Starts it and waits until it answers."""
        self.process = start_kamailio(self.folder)
        until(lambda: ask(self.sip, lambda local: request("OPTIONS", f"sip:{self.sip}", local), tries=1, wait_s=0.2),
              "the stand-in to answer")
        return self

    def tell(self, table, key, value):
        """Puts a value into one of its tables."""
        command = "htable.seti" if isinstance(value, int) else "htable.sets"
        done = subprocess.run(["/usr/sbin/kamcmd", "-s", f"unix:{self.folder / 'ctl'}", command, table, f"s:{key}",
                               str(value) if isinstance(value, int) else f"s:{value}"],
                              capture_output=True, text=True, timeout=10)
        equal(done.returncode, 0, f"kamcmd ({done.stdout}{done.stderr}) exit code")

    def stop(self):
        """Ends it."""
        ended(self.process, 5)

    kill = stop

    def is_alive(self):
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def verify_ledger(self):
        """There are no books."""

    def expect_no_panic(self):
        """Its log is its own affair."""


class StandInApi:
    """Takes the orders that a scenario gives before its calls; answers no questions."""

    def __init__(self, server):
        self.server = server
        self.profiles = 0

    def create_company(self):
        """There is one."""
        return {"id": "company"}

    def add_credit(self, *_):
        """There is enough."""

    def activate_deck(self, *_):
        """Nothing is charged."""

    def create_profile(self, _company, _name, channels, **_more):
        """A user with a password, and as many channels."""
        self.profiles += 1
        user, password = f"9905000000000{self.profiles}", f"secret{self.profiles}X"
        self.server.tell("pw", user, password)
        self.server.tell("channels", user, channels)
        self.server.tell("credit", user, 0)
        return {"id": user, "sip_user": user, "sip_password": password}

    def allocate(self, profile, amount):
        """Credit as a number of first blocks."""
        self.server.tell("credit", profile, int(float(amount) * 100))

    def create_carrier(self, _name, address, priority, **_more):
        """The carrier of this order."""
        self.server.tell("carriers", str(priority), address)
