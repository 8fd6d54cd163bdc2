#!/usr/bin/python3
"""What docs/api.md shows: its shell blocks, one after another in one bash, against a real coordinator."""
import json
import os
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import BIN, SOURCE, Deployment, worker  # noqa: E402
from sure_boxes import sure_boxes  # noqa: E402

DOC = os.path.join(SOURCE, "docs", "api.md")
SERVICES = os.path.join(SOURCE, "server", "gateway", "api_method.cc")
PROTOS = os.path.join(SOURCE, "proto", "loupe", "v1")
ANY = "\u2026"
SECONDS = 120  # for all blocks; they take about ten


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blocks_of(text):
    """(line, shell, pattern) of each `sh` block; its pattern is the `json` block that follows, or None."""
    found = []
    line, fence = 1, re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    end = 0
    for match in fence.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        language, content = match.groups()
        if language == "sh":
            found.append([line, content, None])
        elif language == "json":
            if text[end : match.start()].strip() or not found or found[-1][2] is not None:
                raise AssertionError(f"docs/api.md:{line}: an answer without a block of shell before it")
            found[-1][2] = content
        end = match.end()
    return found


def values_in(text):
    """JSON values one after another, as programs print them."""
    decoder, values = json.JSONDecoder(), []
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:].strip()
    return values


def difference(pattern, value, where="$"):
    """Where a value doesn't fit what the documentation shows; None if it does. `\u2026` fits anything, in a
    text any part of it, and at the end of an array whatever else is there."""
    if pattern == ANY:
        return None
    if isinstance(pattern, dict) and isinstance(value, dict):
        if set(pattern) != set(value):
            missing, more = sorted(set(pattern) - set(value)), sorted(set(value) - set(pattern))
            return f"{where}: documented and not there: {missing}; there and not documented: {more}"
        inner = [(pattern[key], value[key], f"{where}.{key}") for key in pattern]
    elif isinstance(pattern, list) and isinstance(value, list):
        shown = pattern[:-1] if pattern[-1:] == [ANY] else pattern
        if len(value) < len(shown) or (shown is pattern and len(value) > len(shown)):
            return f"{where}: {len(value)} elements, documented: {len(shown)}"
        inner = [(p, v, f"{where}[{i}]") for i, (p, v) in enumerate(zip(shown, value))]
    elif isinstance(pattern, str) and isinstance(value, str):
        parts = (re.escape(part) for part in pattern.split(ANY))
        fits = re.fullmatch(".*".join(parts), value, re.DOTALL)
        return None if fits else f"{where}: {value!r}, documented: {pattern!r}"
    else:
        same = type(pattern) is type(value) and pattern == value
        return None if same else f"{where}: {value!r}, documented: {pattern!r}"
    return next(filter(None, (difference(*each) for each in inner)), None)


def run_all(blocks, folder, environment):
    """Runs them in one bash, each with an output of its own; returns the outputs and the bash's errors, fewer
    outputs if a block failed."""
    script = ["set -euo pipefail\n"]
    for number, (_, shell, _) in enumerate(blocks):
        script.append(f"exec > {folder}/{number}.out\n{shell}")
    script.append(f"exec > {folder}/end.out\n")
    file = os.path.join(folder, "blocks.sh")
    with open(file, "w", encoding="utf-8") as out:
        out.write("".join(script))
    with open(os.path.join(folder, "errors"), "w+", encoding="utf-8") as errors:
        # A group of its own, so that whatever hangs ends with it.
        bash = subprocess.Popen(["/bin/bash", file], cwd=environment["HOME"], env=environment,
                                stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True)
        try:
            bash.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(bash.pid, signal.SIGKILL)
            bash.wait()
        errors.seek(0)
        said = errors.read()
    outputs = []
    for number in range(len(blocks)):
        path = os.path.join(folder, f"{number}.out")
        if not os.path.exists(path):
            break
        outputs.append(read(path))
    if not os.path.exists(os.path.join(folder, "end.out")):
        outputs.pop()
    return outputs, said


class ApiDocTest(unittest.TestCase):
    def test_what_it_shows(self):
        blocks = blocks_of(read(DOC))
        self.assertGreater(len(blocks), 20)
        deployment = Deployment()
        self.addCleanup(deployment.__exit__)
        deployment.loupe("up", "--no-worker")
        deployment.psql(sure_boxes([(40, 30, 72, 61)], [1], [0.875]))
        home, outputs_folder = deployment.path("home"), deployment.path("outputs")
        os.mkdir(home)
        os.mkdir(outputs_folder)
        os.symlink(deployment.server_directory, os.path.join(home, "loupe"))
        worker("sample", "--out", deployment.path("parts"), "--images", 16, "--seed", 3)
        os.symlink(deployment.path("parts", "images"), os.path.join(home, "pictures"))
        environment = {**os.environ, "HOME": home, "PATH": f"{BIN}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        outputs, said = run_all(blocks, outputs_folder, environment)
        for (line, shell, pattern), output in zip(blocks, outputs):
            if pattern is None:
                continue
            with self.subTest(f"docs/api.md:{line}"):
                try:
                    answer = values_in(output)
                except ValueError:
                    self.fail(f"docs/api.md:{line}: the answer is no JSON:\n{shell}\n{output}")
                wrong = difference(values_in(pattern), answer)
                self.assertIsNone(wrong, f"docs/api.md:{line}\n{shell}\n{output}")
        if len(outputs) < len(blocks):
            line, shell, _ = blocks[len(outputs)]
            partial = read(os.path.join(outputs_folder, f"{len(outputs)}.out"))
            self.fail(f"docs/api.md:{line} failed, or took too long:\n{shell}\n{partial}\n{said}")

    def test_it_names_every_method(self):
        text = read(DOC)
        array = re.search(r"kServices = \{(.*?)\}", read(SERVICES), re.DOTALL)
        services = re.findall(r'"(\w+)"', array[1])
        self.assertGreater(len(services), 5)
        protos = "".join(read(os.path.join(PROTOS, name)) for name in sorted(os.listdir(PROTOS)))
        methods = {}
        for service in services:
            self.assertIn(f"`{service}`", text)
            body = re.search(rf"^service {service} {{(.*?)^}}", protos, re.MULTILINE | re.DOTALL)
            methods[service] = re.findall(r"^  rpc (\w+)\(", body[1], re.MULTILINE)
        rows = dict(re.findall(r"^\| `(\w+Service)` \| (.*) \|$", text, re.MULTILINE))
        self.assertEqual({name: re.findall(r"`(\w+)`", row) for name, row in rows.items()}, methods)
        for service, method in re.findall(r"\b(\w+Service)/([A-Z]\w*)", text):
            if service == "SERVICE":
                continue
            self.assertIn(method, methods[service], "docs/api.md calls it")


if __name__ == "__main__":
    unittest.main(verbosity=2)
