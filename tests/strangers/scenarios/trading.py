"""Buying and selling calls from the command line: buy decks, margin, routes at a loss, wholesale channels, records that leave.

Not here: what calls cost customers (charging.py), who takes them (carrying.py).
"""

import csv
import io
import json
import subprocess

from scenarios import scenario
from scenarios.carrying import attempts
from server import BINARY
from waiting import equal, expect

SHORT_MS = 300
# What carriers ask for a minute to the United States, which is sold for 0.02.
DEAR, CHEAP = "0.05", "0.008"


def tandem(world, *words, fails=False):
    """What an operator's command prints, and what it says besides."""
    done = subprocess.run([BINARY, *words, "--config", str(world.server.config)], cwd=world.folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20)
    expect((done.returncode == 0) != fails, f"tandem {' '.join(words)} ended with {done.returncode}: {done.stderr[-400:]}")
    return done.stdout, done.stderr


def buys(world, carrier, price):
    """Imports a carrier's prices."""
    file = world.folder / f"{carrier}.csv"
    file.write_text(f"prefix,destination,rate_per_minute\n1202,United States,{price}\n")
    told, _ = tandem(world, "deck", "import", str(file), "--carrier", carrier)
    expect(f'deck "buy {carrier}" version 1 in force' in told, told)


@scenario(needs_switch=True)
def a_carrier_that_asks_too_much_is_skipped_and_the_margin_of_the_other_leaves_with_the_record(world):
    """Buy decks by `tandem deck import --carrier`: the loss is skipped, cost and margin stand in CSV and JSON lines, resumable (R13)."""
    profile = world.profile()
    dear, cheap = world.carrier(), world.carrier(calls=2)
    buys(world, "carrier1", DEAR)
    buys(world, "carrier2", CHEAP)
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    world.never_invited(dear)
    record = world.record(status=200)
    equal(attempts(record), [("carrier1", "skipped_loss", 0), ("carrier2", "answered", 200)], "attempts")
    cost = record["attempts"][1]["cost"]
    equal((cost["rate_per_minute"], cost["currency"]), (CHEAP, "USD"), "the cost")
    text, said = tandem(world, "calls", "export", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(text))
    equal((row["schema"], row["id"], row["carrier"]), ("1", record["id"], "carrier2"), "the row")
    equal((row["cost"], row["margin"]), (cost["amount"], cost["margin"]), "cost and margin in CSV")
    resume = said.split("--after ")[1].split()[0]
    world.pbx("call", profile, options=("-d", SHORT_MS), name="second").finish()
    cheap.finish()
    world.settled(profile, spent="0.02")
    world.records(2)
    lines, _ = tandem(world, "calls", "export", "--format", "jsonl", "--after", resume)
    (line,) = [json.loads(line) for line in lines.splitlines()]
    expect(line["id"] != record["id"], "what has left leaves again")
    equal((line["schema"], line["attempts"][1]["cost"]["margin"]), (1, cost["margin"]), "the line")
    # By the hour: one hour's records, and none of another's.
    hour = record["invited_at"][:13]
    lines, _ = tandem(world, "calls", "export", "--from", f"{hour}:00:00Z", "--to", f"{hour}:59:59Z")
    expect(record["id"] in lines, "the hour's record is not among the hour's")
    lines, _ = tandem(world, "calls", "export", "--to", "2020-01-01T00:00:00Z")
    equal(lines, "", "records of a time before any")


@scenario(settings={"limits": {"channels_per_profile": 1_000}, "carriers": {"loss_allowed": True}}, needs_switch=True)
def wholesale_has_more_channels_and_may_lose_money_where_that_is_allowed(world):
    """`limits.channels_per_profile` above 300 and `carriers.loss_allowed`: 900 channels are sold, a route at a loss is taken (C2)."""
    profile = world.profile(channels=900)
    carrier = world.carrier()
    buys(world, "carrier1", DEAR)
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    margin = world.record(status=200)["attempts"][0]["cost"]["margin"]
    expect(margin.startswith("-"), f"the margin is {margin}")
    equal(world.api.metric("tandem_channels_subscribed"), 900, "tandem_channels_subscribed")
    told = tandem(world, "profile", "list")[0]
    expect("900" in told, told)
