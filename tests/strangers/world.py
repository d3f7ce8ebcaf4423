"""The world of one scenario: a switch, a company, its PBXs, its carriers; and what must be true of it at the end.

Not here: the stories themselves (scenarios/*.py).
"""

from decimal import Decimal

import tandem_api
from server import DECK
from sipp_agent import Sipp
from waiting import Failure, equal, expect, until

# Fictional numbers (the ranges set aside for drama). Ten more follow each.
UNITED_STATES = "+12025550123"
LONDON = "+442079460123"
DEAR = "+88161234567"
SHIP = "+88171234567"

CALLER_ID = "+12025550199"


class World:
    """Everything one scenario needs, with defaults that do not matter to it."""

    def __init__(self, folder, server, redis=None):
        self.folder = folder
        self.server = server
        self.redis = redis
        self.api = server.api
        self.agents = []
        self.company = None
        self.profiles = []
        self.carriers = 0
        # What the scenario is played in, where that is more than one machine.
        self.surroundings = None
        # How long the machine kept a processor from those who were due, where the scenario measures a time.
        self.stalls = None
        # Asked for before the switch ends, however the story went.
        self.at_its_end = lambda: None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for agent in self.agents:
            agent.stop()
        if kind is None:
            expect(self.server.is_alive(), "the switch died during the scenario")
            self.nothing_leaks()
            self.at_its_end()
            self.server.stop()
            self.server.expect_no_panic()
            self.server.verify_ledger()
        else:
            self.server.kill()

    # --- the cast ---

    def founded(self, credit="100.00"):
        """The company, founded when it is first needed."""
        if self.company is None:
            self.company = self.api.create_company()["id"]
            self.api.activate_deck(DECK)
            if Decimal(credit) > 0:
                self.api.add_credit(self.company, credit)
        return self.company

    def profile(self, name="Main office", channels=10, credit="10.00", **more):
        """A profile with channels and credit."""
        profile = self.api.create_profile(self.founded(), name, channels, caller_id=CALLER_ID, **more)
        if Decimal(credit) > 0:
            self.api.allocate(profile["id"], credit)
        self.profiles.append(profile)
        return profile

    def carrier(self, scenario="carrier", calls=1, priority=None, settings=None, **values):
        """A SIPp that takes calls, known to the switch as the next carrier in order."""
        self.carriers += 1
        name = f"carrier{self.carriers}"
        agent = self.agent(name, scenario, calls=calls, **values).listening()
        self.api.create_carrier(name, agent.address, priority=priority or self.carriers, **(settings or {}))
        return agent

    def pbx(self, scenario, profiles, number=UNITED_STATES, calls=1, name="pbx", password=None, user=None, remote=None,
            **values):
        """A SIPp that places calls (or registers) for a profile, or for several in turn; to `remote`, where the switch has another address."""
        profiles = profiles if isinstance(profiles, list) else [profiles]
        rows = [(user or one["sip_user"],
                 f"[authentication username={user or one['sip_user']} password={password or one['sip_password']}]",
                 number) for one in profiles]
        return self.agent(name, scenario, remote=remote or self.server.sip, calls=calls, users=rows, **values)

    def agent(self, name, scenario, **values):
        """A SIPp that is stopped when the scenario ends."""
        agent = Sipp(self.folder, name, scenario, **values)
        self.agents.append(agent)
        return agent

    # --- what is true ---

    def profile_now(self, profile):
        """The profile as the API tells it."""
        return self.api.profile(profile["id"])

    def until_idle(self, profile, deadline_s=10):
        """Waits until the profile holds no channel and no credit, and gives it back as it is then."""
        if not self.server.judges_money:
            return None

        def is_idle():
            now = self.profile_now(profile)
            if tandem_api.channels_in_use(now) == 0 and tandem_api.held(now) == 0:
                return now
            raise Failure(f"channels in use {tandem_api.channels_in_use(now)}, held {tandem_api.held(now)}")

        return until(is_idle, "channels and holds to be given back", deadline_s)

    def settled(self, profile, spent="0.00", given="10.00"):
        """The profile is idle, and has what it was given less what was spent."""
        now = self.until_idle(profile)
        if now is not None:
            equal(tandem_api.balance(now), Decimal(given) - Decimal(spent), "the profile's balance")
        return now

    def records(self, count, deadline_s=10):
        """All call records, once there are this many (and no more)."""
        if not self.server.judges_money:
            return []
        found = until(lambda: [records for records in [self.api.records()] if len(records) >= count],
                      f"{count} call records", deadline_s) if count else [self.api.records()]
        equal(len(found[0]), count, "call records")
        return found[0]

    def record(self, **fields):
        """The only call record; its fields are as given."""
        records = self.records(1)
        if not records:
            return None
        for field, value in fields.items():
            found = records[0].get(field)
            if field in ("amount", "rate_per_minute", "connection_fee"):
                found, value = Decimal(found), Decimal(value)
            equal(found, value, f"the call record's {field}")
        return records[0]

    def answered_calls(self, count, deadline_s=20):
        """Waits until this many calls are up and answered."""

        def are_answered():
            live = self.api.live_calls()
            answered = [call for call in live if call.get("answered_at")]
            if len(answered) == count:
                return [answered]
            raise Failure(f"{len(live)} calls are up, {len(answered)} of them answered")

        return until(are_answered, f"{count} answered calls", deadline_s)[0]

    def nothing_leaks(self):
        """Waits until no channel, credit or media port is held: at the end of a story no call is up."""
        if not self.server.judges_money:
            return

        def is_free():
            held = {name: self.api.metric(name) for name in ("tandem_channels_in_use", "tandem_credit_holds",
                                                             "tandem_media_ports_in_use", "tandem_calls_active")}
            if any(held.values()):
                raise Failure(", ".join(f"{name} {value}" for name, value in held.items() if value))
            return True

        until(is_free, "everything that calls held to be free", 10)

    def never_invited(self, carrier):
        """The carrier's SIPp saw no call at all."""
        equal(carrier.stop().begun, 0, f"calls that {carrier.name} got to hear of")
