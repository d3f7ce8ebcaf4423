"""The stories, by subject. A scenario is a function that takes a world; its name is its name, its first line what it proves, and
the brackets in it name the rule that it proves.

Not here: how a switch is started (server.py) and how a story is run (playing.py).
"""

import dataclasses
import importlib
import inspect
import pathlib
import re
from collections.abc import Callable

ALL = {}
SUBJECTS = tuple(sorted(file.stem for file in pathlib.Path(__file__).parent.glob("[a-z]*.py")))

# What a rule looks like: an id of the requirements, a section of an RFC, a lesson from the field, a line that must be shown.
_RULE = re.compile(r"\b(?:RFC \d+|[A-Z]\d{1,2}[a-z]?\b|D-\d+|field lessons? \d+|must-show \d+|decision\b|design \d+)")


@dataclasses.dataclass
class Scenario:
    """One story with what it needs; what `scenario` can be told."""

    play: Callable
    # In `run.py --full` only.
    full: bool = False
    # Played where it or its subject is named, and in no other run.
    apart: bool = False
    # Sections and keys of the switch's settings.
    settings: dict = dataclasses.field(default_factory=dict)
    # A stand-in cannot play it.
    needs_switch: bool = False
    timeout_s: float = 60
    # The switch keeps its credit in a Redis of the scenario's own (`world.redis`): what makes it.
    with_redis: Callable | None = None
    # Strangers that are fetched first (fetching.py).
    needs: tuple = ()
    # Makes what must be there before the switch is started (`world.surroundings`); it has `stop()`.
    surroundings: Callable | None = None
    # It needs the machine's own network, as for a download.
    network: bool = False
    # A time that others beside it would spoil: it is played among few, when the crowd is through.
    measures: str = ""
    # Why it is played last with nothing beside it: it is a load itself.
    alone: str = ""
    # It hears all that goes over loopback: where it cannot have a network of its own it is played alone.
    listens: bool = False

    @property
    def name(self):
        """Its function's."""
        return self.play.__name__

    @property
    def subject(self):
        """Its module's."""
        return self.play.__module__.rsplit(".", 1)[-1]

    @property
    def proves(self):
        """The first paragraph of what it says of itself, in one line."""
        return " ".join((inspect.getdoc(self.play) or "").split("\n\n")[0].split())

    @property
    def rule(self):
        """What its first sentence names in brackets, where that is a rule."""
        return "; ".join(dict.fromkeys(said for said in re.findall(r"\(([^()]*)\)", self.proves) if _RULE.search(said)))


def scenario(**wants):
    """Makes a function a scenario; it may be told what a `Scenario` has."""

    def register(play):
        known = ALL.get(play.__name__)
        if known and known.play.__module__ != play.__module__:
            raise ValueError(f"two scenarios are called {play.__name__}")
        ALL[play.__name__] = Scenario(play, **wants)
        return play

    return register


def all_of_them():
    """Every scenario by name, in the order of the subjects."""
    for subject in SUBJECTS:
        importlib.import_module(f"scenarios.{subject}")
    return ALL
