"""Rates every call anew from what was exported, and compares with what the switch explains: an independent reckoning.

It is written from the requirements (R1 to R10, R13) with decimals, and shares no code with the switch. Each folder that is
named holds `journal.jsonl` and `decks.jsonl` (`tandem export`) and `explain.jsonl` (`GET /api/v1/calls/ID/explain`, one a line).
Not here: making calls. Ends with 0 where there is no difference, with 1 where there is one.
"""

import collections
import decimal
import json
import pathlib
import sys
from decimal import Decimal

decimal.getcontext().prec = 60


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def instant(text):
    """RFC 3339 in UTC as microseconds since 1970."""
    import datetime

    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    delta = moment - epoch
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


class Decks:
    """Every version, and which is in force when."""

    def __init__(self, rows):
        self.rows = collections.defaultdict(dict)
        turns = set()
        for row in rows:
            self.rows[row["deck"]][row["prefix"]] = row
            turns |= {(instant(turn), row["deck"]) for turn in row["in_force_from"].split()}
        self.turns = sorted(turns)

    def in_force(self, at):
        begun = [deck for since, deck in self.turns if since <= at]
        return begun[-1] if begun else None

    def row(self, deck, number):
        digits = number.lstrip("+")
        for length in range(len(digits), 0, -1):
            if digits[:length] in self.rows[deck]:
                return self.rows[deck][digits[:length]]
        return None


def billed(row, talked_ms):
    """R1: seconds rounded up, then the minimum, then whole increments; 0 for no talk."""
    first = int(row["minimum_s"]) or int(row["increment_s"])
    seconds = -(-talked_ms // 1_000)
    if seconds <= 0:
        return 0
    if seconds <= first:
        return first
    step = int(row["increment_s"])
    return first + -(-(seconds - first) // step) * step


def price(row, seconds):
    """R4 to R6: fee and time, rounded once; an unanswered call costs nothing (R9)."""
    if seconds == 0:
        return Decimal(0)
    # Sixtyfold, so that nothing is divided before the end.
    sixtyfold = Decimal(row["connection_fee"]) * 60 + Decimal(row["rate_per_minute"]) * seconds
    step = Decimal(1).scaleb(-int(row["scale"])) * 60
    whole, rest = divmod(sixtyfold, step)
    if row["rounding"] == "up":
        whole += 1 if rest > 0 else 0
    else:
        whole += 1 if rest * 2 >= step else 0
    return whole * step / 60


def ticks(row, until_s):
    """The charges: the differences of the rounded totals at each boundary."""
    first = int(row["minimum_s"]) or int(row["increment_s"])
    at, total, told = 0, Decimal(0), []
    while at < until_s:
        ends = first if at == 0 else at + int(row["increment_s"])
        after = price(row, ends)
        told.append((at, ends, after - total))
        at, total = ends, after
    return told


def judge(call, decks, moved):
    """What is wrong with one call, as sentences."""
    wrong = []

    def same(what, said, should):
        if said != should:
            wrong.append(f"{call['call']}: {what}: the switch says {said}, it should be {should}")

    charges = [line for line in moved if line["code"] == "call_charge"]
    captured = [(int(line["hold"]), Decimal(line["amount"])) for line in charges if line["kind"] == "capture"]
    same("what was posted without a hold", [line for line in charges if line["kind"] == "post"], [])
    number = call["number"]
    deck = decks.in_force(instant(call["admitted_at"]))
    row = decks.row(deck, number) if deck and number else None
    if call["tariff"] is None:
        same("captures of a free call", captured, [])
        same("amount of a free call", Decimal(call["amount"]), Decimal(0))
        return wrong
    same("deck", call["tariff"]["deck"], deck)
    if row is None:
        return wrong + [f"{call['call']}: it was rated, but no row of {deck} covers {number}"]
    same("row", call["tariff"]["row"]["prefix"], row["prefix"])
    for term in ("rate_per_minute", "connection_fee"):
        same(term, Decimal(call["tariff"][term]), Decimal(row[term]))
    for term in ("minimum_s", "increment_s", "scale"):
        same(term, int(call["tariff"][term]), int(row[term]))
    same("rounding", call["tariff"]["rounding"], row["rounding"])
    talked = billed(row, call["talked_ms"]) if call["answered_at"] else 0
    paid = talked
    if call["cause"] == "credit_exhausted":
        # R8: the last paid second, whatever the clock says; and there was no credit for what comes next.
        paid = min(talked, captured[-1][0] if captured else 0)
        last = [line for line in charges if line["kind"] == "capture"][-1]
        left = Decimal(last["debit_posted"]) - Decimal(last["debit_held"])
        following = price(row, paid + int(row["increment_s"])) - price(row, paid)
        if left >= following:
            wrong.append(f"{call['call']}: it ended for want of credit, but {left} were there for {following}")
        same("second at which credit ended", call["credit_ended_at_s"], paid)
    should = ticks(row, paid)
    same("billed seconds", call["billed_s"], paid)
    same("amount", Decimal(call["amount"]), price(row, paid))
    same("captures", captured, [(ends, amount) for _, ends, amount in should])
    said = [(one["from_s"], one["until_s"], Decimal(one["amount"])) for one in call["charges"]]
    same("charges", said, should[: len(said)])
    same("charge count", call["charge_count"], len(should))
    unfolded = []
    for run in call["runs"]:
        for index in range(run["count"]):
            begins = run["from_s"] + index * run["step_s"]
            unfolded.append((begins, begins + run["step_s"], Decimal(run["amount"])))
    same("runs", unfolded, should)
    if call["answered_at"]:
        same("next amount", Decimal(call["next_amount"]), ticks(row, call["next_until_s"])[-1][2])
        for one in call["charges"]:
            same("due", instant(one["due_at"]), instant(call["answered_at"]) + one["from_s"] * 1_000_000)
    same("whether the switch finds that all agree", call["agrees"], True)
    return wrong


def main():
    calls, answered, exhausted, charged, rows, wrong = 0, 0, 0, Decimal(0), 0, []
    for folder in map(pathlib.Path, sys.argv[1:]):
        decks = Decks(lines(folder / "decks.jsonl"))
        moved = collections.defaultdict(list)
        for line in lines(folder / "journal.jsonl"):
            rows += 1
            if line["unit"] not in ("channels", "bundle_seconds"):
                moved[line["call"]].append(line)
            # K, R8: no customer is ever below zero.
            if line["debit"].startswith("prof_") and Decimal(line["debit_posted"]) < Decimal(line["debit_held"]):
                wrong.append(f"{folder}: row {line['journal']} leaves {line['debit']} below zero")
        told = lines(folder / "explain.jsonl")
        for call in told:
            calls += 1
            answered += call["answered_at"] is not None
            exhausted += call["cause"] == "credit_exhausted"
            charged += Decimal(call["amount"])
            wrong += judge(call, decks, moved[call["call"]])
        strangers = set(moved) - {call["call"] for call in told} - {""}
        wrong += [f"{folder}: {call} is charged in the journal and explained nowhere" for call in strangers]
    for sentence in wrong[:50]:
        print(sentence)
    print(
        f"{calls} calls, {answered} answered, {exhausted} out of credit, {charged} charged, {rows} movements: "
        f"{len(wrong)} differences"
    )
    return 1 if wrong or not calls else 0


if __name__ == "__main__":
    sys.exit(main())
