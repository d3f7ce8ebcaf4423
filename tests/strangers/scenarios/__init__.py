"""The stories, by subject. A scenario is a function that takes a world; its name is its name, its first line what it proves, and
the brackets in it name the rule that it proves.

Not here: how a switch is started (server.py) and how a story is run (playing.py).
"""

import importlib
import inspect
import pathlib
import re

ALL = {}
SUBJECTS = tuple(sorted(file.stem for file in pathlib.Path(__file__).parent.glob("[a-z]*.py")))

# What a rule looks like: an id of the requirements, a section of an RFC, a lesson from the field, a line that must be shown.
_RULE = re.compile(r"\b(?:RFC \d+|SIPconnect|[A-Z]\d{1,2}[a-z]?\b|D-\d+|field lessons? \d+|must-show \d+|decision \d+|issue \d+)")


class Scenario:
    """One story with what it needs."""

    def __init__(self, play, full, settings, needs_switch, timeout_s, with_redis, alone, measures, network, needs, surroundings, apart):
        self.play = play
        self.name = play.__name__
        # The first paragraph, in one line.
        self.proves = " ".join((inspect.getdoc(play) or "").split("\n\n")[0].split())
        self.subject = play.__module__.rsplit(".", 1)[-1]
        self.is_full_only = full
        self.settings = settings or {}
        self.needs_switch = needs_switch
        self.timeout_s = timeout_s
        self.with_redis = with_redis
        self.alone = alone
        self.measures = measures
        self.network = network
        self.needs = needs
        self.surroundings = surroundings
        self.is_apart = apart

    @property
    def rule(self):
        """What its first sentence names in brackets, where that is a rule."""
        return "; ".join(dict.fromkeys(said for said in re.findall(r"\(([^()]*)\)", self.proves) if _RULE.search(said)))


def scenario(full=False, settings=None, needs_switch=False, timeout_s=60, with_redis=False, alone=None, measures=None,
             network=False, needs=(), surroundings=None, apart=False):
    """Makes a function a scenario.

    `full`: in `run.py --full` only. `needs_switch`: a stand-in cannot play it. `with_redis`: the switch keeps its credit in a Redis
    of the scenario's own (`world.redis`). `measures`: a time that others beside it would spoil; it is played among few, when the
    crowd is through. `alone`: why it is played last with nothing beside it: it is a load itself. `network`: it needs the machine's
    own network, as for a download. `needs`: strangers that are fetched first (fetching.py). `surroundings`: makes what must be
    there before the switch is started (`world.surroundings`); it has `stop()`. `apart`: played
    where it or its subject is named, and in no other run.
    """

    def register(play):
        if play.__name__ in ALL and ALL[play.__name__].play.__module__ != play.__module__:
            raise ValueError(f"two scenarios are called {play.__name__}")
        ALL[play.__name__] = Scenario(play, full, settings, needs_switch, timeout_s, with_redis, alone, measures, network, needs,
                                      surroundings, apart)
        return play

    return register


def all_of_them():
    """Every scenario by name, in the order of the subjects."""
    for subject in SUBJECTS:
        importlib.import_module(f"scenarios.{subject}")
    return ALL
