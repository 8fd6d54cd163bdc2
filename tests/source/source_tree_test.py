"""Reads the sources and fails on what the project has ruled out; checks what the client links."""

import collections
import os
import re
import subprocess
import unittest

ROOT = os.environ.get("LOUPE_SOURCE") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..")
)
BIN = os.environ.get("LOUPE_BIN") or os.path.join(ROOT, "build", "release", "bin")
FOLDERS = (
    "client",
    "coco",
    "content",
    "db",
    "evaluation",
    "pictures",
    "proto",
    "recipe",
    "renderer",
    "server",
    "version",
    "worker",
)

LIBRARY_HOME = {
    "pqxx/": ("db/",),
    "torch/": ("worker/",),
    "ATen/": ("worker/",),
    "c10/": ("worker/",),
    "boost/asio": ("server/gateway/http_server.cc",),
    "boost/beast": ("server/gateway/http_server.cc",),
    "prometheus/": ("server/metrics/",),
    "opencv2/": ("pictures/", "renderer/", "worker/"),
}
RULED_OUT = {
    r"GTEST_SKIP|DISABLED_": "a skipped test",
    r"\bTODO\b|\bFIXME\b": "work left undone",
    r"using namespace std;": "using namespace std",
}
MAX_SOURCES = 16
MAY_HOLD_MORE_SOURCES = {"client/cli", "server/ranking", "worker/detection"}
MAX_COLUMNS = 110
# What has lines. Seeds, dictionaries and golden data are data.
LINED = (".h", ".cc", ".py", ".sql", ".proto", ".cmake", ".sh", "CMakeLists.txt")
NOT_LIMITED = ("db/migrations/",)  # applied migrations are not edited


def files(endings, *folders):
    """Paths, relative to the root, of the files in these folders that end like this; no build outputs."""
    for folder in folders:
        for directory, folders_in_it, names in os.walk(os.path.join(ROOT, folder)):
            folders_in_it[:] = [name for name in folders_in_it if name not in ("build", "node_modules")]
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(directory, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def sources(*folders):
    for path in files((".cc", ".h"), *folders):
        yield path, read(path)


def rooms():
    """{folder: folders that it may include}, from the table in docs/architecture.md."""
    table = read("docs/architecture.md").split("## Folders", 1)[1].split("\n## ", 1)[0]
    rows = {}
    for line in table.splitlines():
        if line.startswith("| `"):
            folder, _, included = [cell.strip() for cell in line.strip("|").split("|")]
            rows[folder.strip("`")] = re.findall(r"`([^`]+)`", included)
    return {folder: expand(included, rows) - {folder} for folder, included in rows.items()}


def expand(names, rows):
    expanded = set()
    for name in names:
        if name.endswith("/*"):
            expanded |= {row for row in rows if row.startswith(name[:-1])}
        else:
            expanded.add(name)
    return expanded


def circle_in(graph):
    """Folders that include each other in a circle; empty without one."""
    left = {folder: set(included) for folder, included in graph.items()}
    while left:
        leaves = {folder for folder, included in left.items() if not included & left.keys()}
        if not leaves:
            return sorted(left)
        for folder in leaves:
            del left[folder]
    return []


class SourceTreeTest(unittest.TestCase):
    def test_the_table_of_rooms_is_whole(self):
        table = rooms()
        self.assertGreater(len(table), 20)
        for path, _ in sources(*FOLDERS):
            self.assertIn(os.path.dirname(path), table, f"{path}: no row in docs/architecture.md")
        for folder, included in table.items():
            self.assertLessEqual(included, table.keys(), f"the row of {folder} names folders without a row")
        self.assertEqual(circle_in(table), [])

    def test_inclusion_follows_the_table_of_rooms(self):
        table = rooms()
        for path, text in sources(*FOLDERS):
            folder = os.path.dirname(path)
            for included in re.findall(r'#include "([^"]+)"', text):
                if included.split("/")[0] in FOLDERS:  # others: Abseil, or generated from proto/
                    allowed = table[folder] | {folder}
                    self.assertIn(os.path.dirname(included), allowed, f"{path} includes {included}")

    def test_circles_are_found(self):
        self.assertEqual(circle_in({"a": {"b"}, "b": set()}), [])
        self.assertEqual(circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}), ["a", "b", "c"])

    def test_a_room_holds_one_noun(self):
        count = collections.Counter(os.path.dirname(path) for path in files(".cc", *FOLDERS))
        for folder, number in count.items():
            if folder not in MAY_HOLD_MORE_SOURCES:
                self.assertLessEqual(number, MAX_SOURCES, f"{folder} holds {number} .cc files: two nouns?")

    def test_lines_are_no_longer_than_the_limit(self):
        top = [name for name in os.listdir(ROOT) if name.endswith(LINED)]
        for path in [*top, *files(LINED, *FOLDERS, "cmake", "deploy", "tests", ".ci")]:
            if path.startswith(NOT_LIMITED):
                continue
            for number, line in enumerate(read(path).splitlines(), 1):
                self.assertLessEqual(len(line), MAX_COLUMNS, f"{path}:{number}")

    def test_libraries_stay_where_they_are_called(self):
        for path, text in sources(*FOLDERS):
            for included in re.findall(r"#include <([^>]+)>", text):
                for library, homes in LIBRARY_HOME.items():
                    if included.startswith(library):
                        self.assertTrue(path.startswith(homes), f"{path} includes {included}")

    def test_headers_of_libtorch_are_narrow(self):
        for path, text in sources(*FOLDERS, "tests"):
            # It takes twice as long to parse as all of torch/types.h, torch/nn/module.h and torch/autograd.h.
            self.assertNotIn("#include <torch/torch.h>", text, f"{path}: include the parts that it uses")

    def test_metrics_depend_on_nothing(self):
        for path, text in sources("evaluation"):
            for included in re.findall(r"#include <([^>]+)>", text):
                # Mathematics; threads; in builds with ThreadSanitizer, what tells it of oneTBB's threads.
                if not included.startswith(("boost/math/", "tbb/", "sanitizer/")):
                    self.assertNotIn("/", included, f"{path} includes {included}")

    def test_nothing_that_is_ruled_out(self):
        for path, text in sources(*FOLDERS, "tests"):
            for pattern, what in RULED_OUT.items():
                self.assertNotRegex(text, pattern, f"{path}: {what}")

    def test_scripts_call_the_systems_python(self):
        # Another python3 may come first in PATH and lack the packages of deploy/packages/test.txt.
        for path in files((".sh", ".py", ".cmake", "CMakeLists.txt", "run"), "deploy", "tests", ".ci"):
            for number, line in enumerate(read(path).splitlines(), 1):
                called = re.search(r"(?:^|[;|&(`]|\bexec|COMMAND)\s*python3? |^#!.*env python", line)
                self.assertIsNone(called, f"{path}:{number} calls python3 by PATH: {line}")

    def test_the_client_is_thin(self):
        linked = subprocess.run(
            ["ldd", os.path.join(BIN, "loupe")], capture_output=True, text=True, check=True
        ).stdout
        self.assertNotRegex(linked, r"torch|opencv|libpq")
        self.assertNotIn("not found", linked)


if __name__ == "__main__":
    unittest.main()
