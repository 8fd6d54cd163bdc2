"""Reads the sources and fails on what the project has ruled out; checks what the client links."""
import os
import re
import subprocess
import unittest

ROOT = os.environ.get("LOUPE_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.environ.get("LOUPE_BIN") or os.path.join(ROOT, "build", "release", "bin")
FOLDERS = ("client", "content", "db", "evaluation", "recipe", "server", "worker")

# What each folder may include of the others.
MAY_INCLUDE = {
    "content": {"content"},
    "recipe": {"recipe"},
    "evaluation": {"evaluation"},
    "db": {"db", "content"},
    "server": {"server", "db", "content", "recipe", "evaluation"},
    "worker": {"worker", "client/lib", "content", "recipe", "evaluation"},
    "client/lib": {"client/lib", "content"},
    "client/cli": {"client/cli", "client/lib", "content", "recipe"},
}
LIBRARY_HOME = {"pqxx/": ("db",), "torch/": ("worker",), "ATen/": ("worker",), "c10/": ("worker",),
                "opencv2/": ("worker",)}
RULED_OUT = {r"GTEST_SKIP|DISABLED_": "a skipped test", r"\bTODO\b|\bFIXME\b": "work left undone",
             r"using namespace std;": "using namespace std"}


def sources(*folders):
    for folder in folders:
        for directory, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".cc", ".h")):
                    path = os.path.join(directory, name)
                    with open(path, encoding="utf-8") as file:
                        yield os.path.relpath(path, ROOT), file.read()


def house_of(path):
    parts = path.split(os.sep)
    return "/".join(parts[:2]) if parts[0] == "client" else parts[0]


class SourceTreeTest(unittest.TestCase):
    def test_inclusion_goes_one_way(self):
        for path, text in sources(*FOLDERS):
            for included in re.findall(r'#include "([^"]+)"', text):
                if included.split("/")[0] not in FOLDERS:
                    continue  # Abseil, or generated from proto/
                self.assertIn(house_of(included), MAY_INCLUDE[house_of(path)], f"{path} includes {included}")

    def test_libraries_stay_where_they_are_called(self):
        for path, text in sources(*FOLDERS):
            for included in re.findall(r"#include <([^>]+)>", text):
                for library, homes in LIBRARY_HOME.items():
                    if included.startswith(library):
                        self.assertIn(path.split(os.sep)[0], homes, f"{path} includes {included}")

    def test_metrics_depend_on_nothing(self):
        for path, text in sources("evaluation"):
            for included in re.findall(r"#include <([^>]+)>", text):
                self.assertNotIn("/", included, f"{path} includes {included}")

    def test_nothing_that_is_ruled_out(self):
        for path, text in sources(*FOLDERS, "tests"):
            for pattern, what in RULED_OUT.items():
                self.assertNotRegex(text, pattern, f"{path}: {what}")

    def test_the_client_is_thin(self):
        linked = subprocess.run(["ldd", os.path.join(BIN, "loupe")], capture_output=True, text=True, check=True).stdout
        self.assertNotRegex(linked, r"torch|opencv|libpq")
        self.assertNotIn("not found", linked)


if __name__ == "__main__":
    unittest.main()
