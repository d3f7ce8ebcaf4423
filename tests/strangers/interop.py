"""Which peer of which version does what with the switch (docs/interop.md, made from the results of the last runs), and whether
docs/sipconnect.md names tests that there are.

Not here: the runs (run.py), and the table of all scenarios (telling.py).
"""

import re
import subprocess

from meeting import version_of
from playing import ROOT

PAGE = ROOT / "docs" / "interop.md"
STATEMENT = ROOT / "docs" / "sipconnect.md"
# Peers that people run. SIPp says what it is told, so its rows are those of the table of scenarios.
PEERS = ("Asterisk", "Kamailio", "Sippy B2BUA", "baresip", "linphone", "Chromium")
ALIASES = {"Chromium": "JsSIP 3.13.8 in Chromium", "Sippy B2BUA": "Sippy B2BUA 2.5.0"}
OPENING = """\
# With whom it has been proven

Made by `tests/strangers/run.py --write` from the last runs on one machine: the peers are the programs that a scenario was seen to
start, with their versions there; a feature is the scenario's first sentence; the result is that of its last run. What SIPp proves,
message by message, stands in `docs/scenarios.md`; what that amounts to by SIPconnect in `docs/sipconnect.md`.
"""
ABSENT = """\
## Not proven

- **pjsua2**: version 2.12, the only one on PyPI, does not install: its source package is a part of the PJSIP tree and stops with
  `FileNotFoundError: [Errno 2] No such file or directory: '../../../../version.mak'`; there are no wheels, and Debian 12 has no package.
- **FreeSWITCH, 3CX, Cisco, Avaya**: no package or image of theirs is within the tests' reach.
- **Sound of browsers**: DTLS-SRTP is not built; a browser's call is refused with 488 and a sentence, which its page gets to read.
"""
# A row of the statement: section, requirement, verdict, tests.
_ROW = re.compile(r"\| [^|]+ \| [^|]+ \| (yes|partly|no) \| (.*) \|$")


def named(peer, last):
    """The peer with its version: the one of this machine's program, or the one that a run has told."""
    told = [result["versions"][peer] for result in last.values() if peer in result.get("versions", {})]
    return f"{ALIASES.get(peer, peer)} {told[-1] if told else version_of(peer)}".strip()


def rows(peer, known, last):
    """A row for each scenario in which the peer took part."""
    for name, result in sorted(last.items(), key=lambda entry: (entry[1]["subject"], entry[0])):
        if name not in known or peer not in result["peers"]:
            continue
        seen = "; ".join(line.strip() for line in result["said"].splitlines() if "seed" not in line)
        said = f"ok{f': {seen}' if seen else ''}" if result["ok"] else f"not here: {result['lacking']}" if "lacking" in result else "FAILED"
        yield f"| {known[name].proves.replace('|', chr(92) + '|')} | `{name}` | {said} | {result['when'][:10]} |"


def write(known, last):
    """Writes the page."""
    lines = [OPENING]
    for peer in PEERS:
        told = list(rows(peer, known, last))
        if told:
            lines += [f"## {named(peer, last)}", "", "| Feature | Scenario | Result | When |", "| --- | --- | --- | --- |", *told, ""]
    PAGE.write_text("\n".join([*lines, ABSENT]))


def rust_tests():
    """The names of all tests of the crates."""
    sources = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.rs"], cwd=ROOT,
                             capture_output=True, check=True).stdout.decode().split("\0")
    attribute = re.compile(r"#\[(?:\w+::)?test\][^{;]*?\bfn (\w+)", re.DOTALL)
    return {name for source in sources if source and (ROOT / source).is_file() for name in attribute.findall((ROOT / source).read_text())}


def faults(known):
    """Scenarios and tests that the two pages name and that do not exist, and rows of the statement that name none."""
    if PAGE.is_file():
        told = re.findall(r"^\| .* \| `(\w+)` \| ", PAGE.read_text(), re.MULTILINE)
        yield from (f"docs/interop.md names {name}, which is no scenario; `run.py --write` makes it" for name in told if name not in known)
    tests = rust_tests() | set(known)
    for number, line in enumerate(STATEMENT.read_text().splitlines() if STATEMENT.is_file() else [], 1):
        place = f"docs/sipconnect.md:{number}"
        if not line.startswith("| ") or line.startswith(("| Section", "| ---")):
            continue
        row = _ROW.match(line)
        if not row:
            yield f"{place}: the row is not `| section | requirement | yes, partly or no | tests |`"
            continue
        names = re.findall(r"`(\w+)`", row[2])
        yield from (f"{place}: there is no test {name}" for name in names if name not in tests)
        if row[1] != "no" and not names:
            yield f"{place}: it says {row[1]} and names no test"
