"""Each program says which build it is, without a coordinator, a database or a model."""

import os
import subprocess
import unittest

ROOT = os.environ.get("LOUPE_SOURCE") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..")
)
BIN = os.environ.get("LOUPE_BIN") or os.path.join(ROOT, "build", "release", "bin")
# Without the worker in a build without LibTorch.
PROGRAMS = os.environ.get("LOUPE_PROGRAMS", "loupe loupe-server loupe-renderer loupe-worker").split()


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


class VersionTest(unittest.TestCase):
    def test_each_program_names_version_and_commit(self):
        lines = [output_of(os.path.join(BIN, name), "--version") for name in PROGRAMS]
        for name, line in zip(PROGRAMS, lines):
            self.assertRegex(line, rf"^{name} \d+\.\d+\.\d+ \(commit ([0-9a-f]{{7,40}}|unknown)\)\n$")
        self.assertEqual(len({line.split(" ", 1)[1] for line in lines}), 1, "one build, one version")

    def test_help_tells_of_it(self):
        for name in PROGRAMS:
            self.assertIn("--version", output_of(os.path.join(BIN, name), "--help"))


if __name__ == "__main__":
    unittest.main()
