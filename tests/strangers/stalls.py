"""How long the machine itself kept its processors from whoever was due: a host that steals time makes everybody late, and no
switch can answer while it does not run.

Not here: what is judged by it; each scenario that measures a time adds `stalled_ms` to its limit, and says both.
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


def watch(cpu, slot):
    """Sleeps on one processor, over and over, and leaves the longest time that it slept too long. Ends when it is killed, or with
    who began it."""
    os.sched_setaffinity(0, {cpu})
    parent, worst = os.getppid(), 0.0
    while os.getppid() == parent:
        due = time.monotonic() + EVERY_S
        time.sleep(EVERY_S)
        late = (time.monotonic() - due) * 1000
        if late > worst:
            worst = late
            slot[:] = SLOT.pack(worst)


class Stalls:
    """One watcher on each processor, from `start` to `stop`."""

    def __init__(self):
        self.cpus = sorted(os.sched_getaffinity(0))
        self.worst = mmap.mmap(-1, SLOT.size * len(self.cpus))
        self.watchers = []

    def start(self):
        """Begins to watch."""
        for place, cpu in enumerate(self.cpus):
            pid = os.fork()
            if pid == 0:
                try:
                    signal.signal(signal.SIGALRM, signal.SIG_DFL)
                    watch(cpu, memoryview(self.worst)[place * SLOT.size:(place + 1) * SLOT.size])
                finally:
                    os._exit(0)
            self.watchers.append(pid)
        return self

    @property
    def stalled_ms(self):
        """The longest that any processor was kept from a process that was due, so far."""
        return max(SLOT.unpack_from(self.worst, place * SLOT.size)[0] for place in range(len(self.cpus)))

    def allowing(self, limit_ms):
        """A limit, and what the machine itself was late."""
        return limit_ms + self.stalled_ms

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
    print(f"{stalls.stalled_ms:.1f} ms")
    stalls.stop()
