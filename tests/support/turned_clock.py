"""The clock of the wall, turned for single programs while they run: turned_clock.c, before the C library."""
import os
import struct

from loupe_programs import SOURCE, run

HOUR = 3600
_PROGRAMS = ("loupe-server", "loupe-worker", "postgres")


class TurnedClock:
    """Programs whose environment is `environment` have clocks that `turn` turns."""

    def __init__(self, folder):
        self._folder = os.path.join(folder, "clocks")
        os.makedirs(self._folder)
        for name in _PROGRAMS:
            with open(os.path.join(self._folder, name), "wb") as file:
                file.write(bytes(8))
        library = os.path.join(self._folder, "turned_clock.so")
        run("cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library,
            os.path.join(SOURCE, "tests", "support", "turned_clock.c"))
        self.environment = {"LD_PRELOAD": library, "TURNED_CLOCKS": self._folder}

    def turn(self, programs, seconds):
        """From now on their clocks are so far from the machine's."""
        for name in programs:
            with open(os.path.join(self._folder, name), "r+b", buffering=0) as file:
                file.write(struct.pack("<q", seconds * 10**9))
