"""How long the machine itself kept its processors from whoever was due: a host that steals time makes everybody late, and no
switch can answer while it does not run.

Not here: what is judged by it; each scenario that measures a time adds `stalled_ms` to its limit, or judges steady seconds, and says both.
"""

import mmap
import os
import signal
import struct
import sys
import time

# How often each processor is asked; as rarely as a stall that matters here lasts.
EVERY_S = 0.004
SLOT = struct.Struct("d")
# Seconds that are told apart: longer than any scenario lasts.
SECONDS_MAX = 1_000
# What a processor may be late in a steady second: what a busy machine with enough of them shows.
STEADY_MS = 25


def watch(cpu, since, seconds):
    """Sleeps on one processor, over and over, and leaves the longest time that it slept too long in each second, counted from `since`.
    Ends when it is killed, or with who began it."""
    os.sched_setaffinity(0, {cpu})
    parent = os.getppid()
    while os.getppid() == parent:
        due = time.time() + EVERY_S
        time.sleep(EVERY_S)
        now = time.time()
        # Each second that it touched: of a long one no part was steady.
        for second in range(int(due) - since, min(int(now) - since + 1, SECONDS_MAX)):
            place = second * SLOT.size
            if SLOT.unpack_from(seconds, place)[0] < (late := (now - due) * 1000):
                SLOT.pack_into(seconds, place, late)


class Stalls:
    """One watcher on each processor, from `start` to `stop`."""

    def __init__(self):
        self.cpus = sorted(os.sched_getaffinity(0))
        self.since = int(time.time())
        self.late = [mmap.mmap(-1, SLOT.size * SECONDS_MAX) for _ in self.cpus]
        self.watchers = []

    def start(self):
        """Begins to watch."""
        for cpu, seconds in zip(self.cpus, self.late):
            pid = os.fork()
            if pid == 0:
                try:
                    signal.signal(signal.SIGALRM, signal.SIG_DFL)
                    watch(cpu, self.since, seconds)
                finally:
                    os._exit(0)
            self.watchers.append(pid)
        return self

    def stalled_in(self, first, last):
        """The longest that any processor was kept from a process that was due, in milliseconds, from one Unix second to another."""
        wanted = range(max(first - self.since, 0), min(last - self.since + 1, SECONDS_MAX))
        return max((SLOT.unpack_from(seconds, second * SLOT.size)[0] for seconds in self.late for second in wanted), default=0.0)

    @property
    def stalled_ms(self):
        """The same, so far."""
        return self.stalled_in(self.since, int(time.time()))

    def allowing(self, limit_ms):
        """A limit, and what the machine itself was late."""
        return limit_ms + self.stalled_ms

    def is_steady(self, second):
        """Whether the machine kept nobody waiting in a Unix second, nor in those beside it: what waited in a stall is served after it."""
        return self.stalled_in(second - 1, second + 1) <= STEADY_MS

    def stop(self):
        """Ends the watchers."""
        for pid in self.watchers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.watchers.clear()


if __name__ == "__main__":
    # By itself: how steady this machine is, for so many seconds.
    stalls = Stalls().start()
    time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
    steady = sum(stalls.is_steady(second) for second in range(stalls.since, int(time.time())))
    print(f"{stalls.stalled_ms:.1f} ms at most; {steady} steady seconds")
    stalls.stop()
