"""The stories, by subject. A scenario is a function that takes a world; its name is its name, its first line what it proves.

Not here: how a switch is started (server.py) and how a story is run (run.py).
"""

ALL = {}


class Scenario:
    """One story with what it needs."""

    def __init__(self, play, full, settings, needs_switch, timeout_s, with_redis):
        self.play = play
        self.name = play.__name__
        self.proves = (play.__doc__ or "").strip().splitlines()[0]
        self.subject = play.__module__.rsplit(".", 1)[-1]
        self.is_full_only = full
        self.settings = settings or {}
        self.needs_switch = needs_switch
        self.timeout_s = timeout_s
        self.with_redis = with_redis


def scenario(full=False, settings=None, needs_switch=False, timeout_s=60, with_redis=False):
    """Makes a function a scenario. `full`: in `run.py --full` only. `needs_switch`: a stand-in cannot play it. `with_redis`: the
    switch keeps its credit in a Redis of the scenario's own (`world.redis`)."""

    def register(play):
        ALL[play.__name__] = Scenario(play, full, settings, needs_switch, timeout_s, with_redis)
        return play

    return register
