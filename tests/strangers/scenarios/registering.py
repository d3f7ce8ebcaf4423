"""A PBX registers, is refused, goes away, is replaced (S1, S2, S9, P2, P6).

Not here: calls.
"""

from scenarios import scenario
from sipp_agent import check_header
from tandem_api import registration
from waiting import Failure, equal, expect, until


def state_of(world, profile):
    """The live registration state by the API."""
    return registration(world.profile_now(profile))


def until_registered_at(world, profile, port):
    """Waits until the API tells a binding whose contact has this port (P6: within 1 s)."""
    if not world.server.judges_money:
        return

    def is_there():
        state = state_of(world, profile)
        if state["state"] == "registered" and f":{port}" in str(state.get("contact")):
            return state
        raise Failure(str(state))

    until(is_there, f"a binding at port {port}", 1.0)


@scenario()
def registers_and_goes_away(world):
    """A PBX registers for an hour, shows in the API within a second, and unregisters (S1, RFC 3261 10.3)."""
    profile = world.profile()
    pbx = world.pbx("register", profile, name="registers", check=check_header("Contact", "expires=3600", "granted"))
    pbx.finish()
    port = pbx.port
    until_registered_at(world, profile, port)
    world.pbx("register", profile, name="goes_away", expires="0", port=port).finish()
    if world.server.judges_money:
        until(lambda: state_of(world, profile)["state"] != "registered", "the binding to be gone", 1.0)


@scenario()
def wrong_password_and_unknown_user_get_the_same_answer(world):
    """A wrong password and a user that does not exist are both refused 403, and no one can tell them apart (RFC 3261 26.1.1)."""
    profile = world.profile()
    wrong = world.pbx("register", profile, name="wrong_password", password="wrong", final="403")
    wrong.finish()
    unknown = world.pbx("register", profile, name="unknown_user", user="99059999999999", password="wrong", final="403")
    unknown.finish()
    equal(refusal_seen(unknown), refusal_seen(wrong), "what an unknown user is told, against a wrong password")
    if world.server.judges_money:
        expect(state_of(world, profile)["state"] != "registered", "a wrong password has registered")


def refusal_seen(agent):
    """The last answer in the agent's trace without what must differ from one request to the next."""
    answers = [part for part in agent.messages().split("SIP/2.0 403")[1:]]
    expect(answers, f"{agent.name} saw no 403")
    lines = answers[-1].split("\n\n")[0].splitlines()
    own = ("via:", "v:", "from:", "f:", "to:", "t:", "call-id:", "i:", "cseq:", "date:")
    return [line.strip() for line in lines if line.strip() and not line.lower().startswith(own)]


@scenario()
def ten_seconds_are_too_brief(world):
    """A PBX that asks for 10 s is told 423 and the least that it may ask for (S9, RFC 3261 10.3)."""
    profile = world.profile()
    world.pbx("register", profile, expires="10", final="423", check=check_header("Min-Expires", "30", "least")).finish()


@scenario()
def the_second_pbx_replaces_the_first(world):
    """One profile registers from two PBXs: the newest binding is the only one (P2, D-09)."""
    profile = world.profile()
    first = world.pbx("register", profile, name="first")
    first.finish()
    until_registered_at(world, profile, first.port)
    second = world.pbx("register", profile, name="second")
    second.finish()
    until_registered_at(world, profile, second.port)
    if world.server.judges_money:
        expect(f":{first.port}" not in str(state_of(world, profile)), "the first binding is still told of")
        equal(world.api.metric("tandem_registration_conflicts_total"), 1, "conflicts counted")
