#!/usr/bin/python3
"""Eight annotators work while everything of attack_test, and more, goes on at the same time. Every correction
that was acknowledged is there once. The p99 of the annotators' calls is at most five times that of the same
load without an attack, earlier in the same run, and none takes more than two seconds. Afterwards the memory
of the coordinator is within 50 MB of what it was before, and it has the descriptors and threads that it had,
but for a few threads that gRPC keeps.

Half of the annotators call the coordinator's port, half the front of deploy/haproxy.cfg. Each keeps its
connection and measures a call from its first attempt to its answer; what is refused for now, or breaks, is
tried again as clients do. What gRPC 1.51 doesn't bound by itself (docs/operations.md) is sent to the front
alone, from other addresses than the annotators'. The attackers run on the same machine: they have the lowest
priority and bounded rates, so that it's the coordinator that is tested and not the machine.
"""
import argparse
import json
import multiprocessing
import os
import random
import resource
import socket
import struct
import sys
import threading
import time
import uuid
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import attacks  # noqa: E402
import http2  # noqa: E402
from acknowledged import check_acknowledged  # noqa: E402
from front import Front  # noqa: E402
from grpc_client import (OK, RESOURCE_EXHAUSTED, UNAVAILABLE, Connection, Refused, decode,  # noqa: E402
                         encode)
from loupe_programs import Deployment, program, run  # noqa: E402
from processes import (cpu_seconds_of, descriptors_of, forget_peak_of, status_of,  # noqa: E402
                       threads_of, with_descriptors)

ANNOTATORS = 8
DESCRIPTORS = 1024
TASKS = 4  # that an annotator takes at a time
PAUSE_S = 0.2  # of an annotator after each call
TURNS = 3  # calm and attacked ones by turns, so that a machine that is slow for a while is so in both
IMAGES_A_SECOND = 50  # more than eight annotators need
SLOWEST_S = 2
SLOWER = 5  # p99 attacked against p99 calm
MORE_MEMORY = 50 * 1000 * 1000
# gRPC starts threads when it has much to do, and keeps up to two a core.
MORE_THREADS = 4 + 2 * os.cpu_count()
MORE_DESCRIPTORS = 10
SETTLE_S = 60
METHOD = "loupe.v1.ProjectService/ListProjects"
RECIPE = 'detector { preset: "small" min_size: 96 max_size: 96 } training { iterations: 100 batch_size: 4 }'
FORK = multiprocessing.get_context("fork")


class World:
    """What annotators and attackers know."""

    def __init__(self, deployment):
        self.path = deployment.path
        with open(os.path.join(deployment.server_directory, "server.address"), encoding="utf-8") as file:
            self.port = file.read().strip()
        self.front = self.ca_cert = None
        self.tokens = {}
        for role, name in [("worker", "workers"), ("worker", "trainer"), ("viewer", "viewer"),
                           ("engineer", "engineer"), ("engineer", "silent"),
                           *(("annotator", f"annotator-{n}") for n in range(ANNOTATORS))]:
            created = deployment.json("token", "create", "--role", role, "--name", name)
            self.tokens[name] = created["secret"]

    def place_front(self, front):
        self.front, self.ca_cert = front.address, front.ca_cert

    def to_front(self, source="127.0.0.2"):
        return http2.connect(self.front, self.ca_cert, source=source)

    def note(self, attack):
        with open(self.path("attacks.log"), "a", encoding="utf-8") as file:
            file.write(json.dumps({"attack": attack, "at": time.monotonic()}) + "\n")


# What the annotators do


class Annotator:
    """Submits corrections while `works` is set, until `ends` is. Its log has a line a call."""

    def __init__(self, world, number, works, ends):
        self.world, self.number, self.works, self.ends = world, number, works, ends
        self.log_file = world.path(f"annotator-{number}.log")
        self.connection = None

    def run(self):
        chooser = random.Random(self.number)
        with open(self.log_file, "w", encoding="utf-8", buffering=1) as log:
            try:
                while not self.ends.is_set():
                    if not self.works.wait(0.1):
                        continue
                    tasks, took = self.call("LabelingService/NextTasks", {2: "parts", 3: TASKS})
                    log.write(json.dumps({"call": "NextTasks", **took}) + "\n")
                    assert tasks.get(1), "no image is left: IMAGES_A_SECOND is too small"
                    for task in map(decode, tasks[1]):
                        time.sleep(PAUSE_S * chooser.uniform(0.5, 1.5))
                        self.submit(task, log)
                    time.sleep(PAUSE_S * chooser.uniform(0.5, 1.5))
            except Exception as error:  # noqa: BLE001: told to the test by the log
                log.write(json.dumps({"error": repr(error)}) + "\n")

    def submit(self, task, log):
        task_id, image_id = task[1][0], decode(task[4][0])[1][0]
        box = {2: 1 + task_id % 2, 1: encode({1: 1.0, 2: 2.0, 3: 9.0, 4: 8.0 + task_id % 5})}
        answer, took = self.call("LabelingService/Submit", {
            2: task_id, 3: task[2][0], 4: [encode(box)], 10: "stress_test", 11: image_id})
        log.write(json.dumps({"call": "Submit", "task_id": task_id, "image_id": image_id,
                              "revision_id": answer[1][0], **took}) + "\n")

    def call(self, method, fields):
        """Tries again what may pass, with the same request_id. Returns the answer, and what it took."""
        fields = {1: str(uuid.uuid4()), **fields}
        began = time.monotonic()
        failed = []
        while True:
            try:
                if self.connection is None:
                    token = self.world.tokens[f"annotator-{self.number}"]
                    at_front = (self.world.front, token, self.world.ca_cert)
                    self.connection = Connection(*(at_front if self.number % 2 else (self.world.port, token)))
                answer = self.connection.call(method, fields)
                return answer, {"began": began, "s": time.monotonic() - began, "failed": failed}
            except Refused as refused:
                if refused.code not in (UNAVAILABLE, RESOURCE_EXHAUSTED):
                    raise
                failed.append(str(refused))
            except OSError as error:
                failed.append(repr(error))
                if self.connection is not None:
                    self.connection.close()
                self.connection = None
            if time.monotonic() > began + 60:
                raise AssertionError(f"{method} failed for a minute: {failed[-3:]}")
            time.sleep(min(0.05 * 2 ** len(failed), 1))

    def calls(self):
        with open(self.log_file, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


def hold_job(world, ends):
    """The worker that trains the round: it keeps the lease and tells of its progress."""
    with Connection(world.port, world.tokens["trainer"]) as connection:
        job = []
        while not job:
            job = connection.call("WorkerService/LeaseJob", {1: str(uuid.uuid4()), 2: "trainer"}).get(1, [])
        job = decode(job[0])
        done = 0
        while not ends.wait(3):
            done += 1
            progress = encode({1: "train", 2: done, 3: 1000})
            try:
                connection.call("WorkerService/Heartbeat", {1: job[1][0], 2: job[2][0], 3: progress})
            except Refused as refused:  # as a worker does: the next one may come through
                if refused.code not in (UNAVAILABLE, RESOURCE_EXHAUSTED):
                    raise


# What stays open as long as the attack goes on


def keep_open(world, ends, address, token, begin, count, again):
    """`count` calls on one connection; one that has ended is made again after `again` seconds."""
    while not ends.is_set():
        try:
            with Connection(address, world.tokens[token], timeout=60) as connection:
                for _ in range(count):
                    begin(connection)
                while not ends.is_set():
                    connection.next_end()
                    time.sleep(again)
                    begin(connection)
        except OSError:
            time.sleep(0.5)


def idle_workers(world, ends, number):
    """100 workers for whom there is no job."""
    def begin(connection):
        name = encode({1: str(uuid.uuid4()), 2: f"idle-{number}"})
        connection.begin("WorkerService/LeaseJob", name)
    world.note("100 idle workers")
    keep_open(world, ends, world.port, "workers", begin, 100, 0.005)


def watchers(world, ends, _):
    """100 people who watch the round."""
    world.note("100 watchers")
    keep_open(world, ends, world.port, "viewer", lambda connection: connection.begin(
        "RoundService/WatchRound", encode({1: "parts", 2: 1})), 100, 0.1)


def silent_streams(world, ends, _):
    """Imports that begin and say nothing more. Of three times 50 one person may have 128."""
    def begin(connection):
        start = encode({1: encode({1: str(uuid.uuid4()), 2: "parts"})})
        connection.begin("ImageService/Import", start, end=False)
    world.note("50 silent streams")
    keep_open(world, ends, world.port, "silent", begin, 50, 0.1)


def idle_connections(world, ends, _):
    """Nothing, half a greeting, or a greeting and no call; and at the front no TLS."""
    while not ends.is_set():
        world.note("160 idle connections")
        connections = attacks.open_connections(world.port, 120)
        connections += attacks.open_connections(world.front, 40, source="127.0.0.3")
        for number, connection in enumerate(connections):
            greeting = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0)
            try:
                connection.sendall((b"", greeting[:10], greeting)[number % 3])
            except OSError:
                pass
        ends.wait(25)  # longer than a handshake may take
        close(connections)


def calls_without_a_message(world, ends, _):
    block = http2.headers(METHOD, authorization="Bearer nobody's")
    while not ends.is_set():
        world.note("1,000 calls without a message at the front")
        connections = []
        for _ in range(10):
            try:
                connections.append(world.to_front("127.0.0.3"))
                attacks.open_streams(connections[-1], block, 100)
            except OSError:
                pass
            ends.wait(0.5)
        ends.wait(15)
        close(connections)


# What is done again and again


def close(connections):
    for connection in connections:
        connection.close()


def connections_at_the_port(world):
    connections = attacks.open_connections(world.port, 1050)
    time.sleep(0.3)
    close(connections)


def connections_at_the_front(world):
    connections = attacks.open_connections(world.front, 1050, source="127.0.0.4")
    time.sleep(0.3)
    close(connections)


def gzip_at_the_port(world):
    block = http2.headers(METHOD, authorization="Bearer nobody's", **{"grpc-encoding": "gzip"})
    attacks.send_compressed(lambda: http2.connect(world.port), block)


def gzip_at_the_front(world):
    block = http2.headers(METHOD, authorization="Bearer nobody's", **{"grpc-encoding": "gzip"})
    attacks.send_compressed(world.to_front, block)


def bad_requests(world):
    """Unknown methods, wrong tokens, wrong fields, garbage, messages and headers that are too large."""
    cases = [("LabelingService/NextTasks", {2: "parts", 3: 1000}), ("LabelingService/NextTasks", {2: "no"}),
             ("LabelingService/Submit", {1: "x", 2: 1 << 60}), ("LabelingService/Nothing", {}),
             ("ProjectService/CreateProject", {1: "x", 2: "\x01"}), ("TokenService/ListTokens", {}),
             ("LabelingService/NextTasks", {2: b"\xff\xfe"}), ("RoundService/GetRound", {1: "parts", 2: 7})]
    for token in (world.tokens["annotator-0"], "nobody's"):
        with Connection(world.port, token) as connection:
            for method, fields in cases:
                for _ in range(5):
                    try:
                        connection.call(method, fields)
                        raise AssertionError(f"{method} {fields} was taken")
                    except Refused:
                        pass
                    time.sleep(0.005)
    block = http2.headers(METHOD, authorization="Bearer nobody's")
    long_block = block + b"".join(http2.headers(METHOD, **{f"x-{n}": "a" * 120}) for n in range(60))
    for sent in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(5000),
                 http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1, long_block[:16_000]),
                 http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block)
                 + http2.frame(http2.DATA, 0, 1, struct.pack(">BI", 0, 5 << 20) + bytes(10_000))):
        with http2.connect(world.port) as connection:
            connection.sendall(sent)
            attacks.drain(connection, 0.3)


def as_engineer(world, *arguments):
    token = world.path("engineer.token")
    return run(program("loupe"), *arguments, "--project", "parts", "--server", world.port,
               "--token-file", token, check=False)


def import_that_is_refused(world):
    refused = as_engineer(world, "import", "--images", world.path("bad-pictures"))
    assert refused.returncode == 1 and "BAD_PICTURE" in refused.stderr, refused.stderr


def huge_header(world):
    """Weights whose header takes a megabyte, the most that is parsed, and more than that."""
    for name in ("megabyte", "more"):
        refused = as_engineer(world, "model", "import", "--preset", "small", "--weights",
                              world.path(f"{name}.safetensors"))
        assert refused.returncode == 1 and "BAD_WEIGHTS" in refused.stderr, refused.stderr


def open_and_reset(world):
    attacks.open_and_reset(world.to_front, http2.headers(METHOD), seconds=3, per_second=2000)


def open_and_reset_with_token(world):
    block = http2.headers(METHOD, authorization="Bearer nobody's")
    attacks.open_and_reset(world.to_front, block, seconds=3, per_second=2000)


def many_streams(world):
    with world.to_front() as connection:
        try:
            attacks.open_streams(connection, http2.headers(METHOD, authorization="Bearer nobody's"), 6000,
                                 per_second=3000)
        except OSError:
            pass
        attacks.drain(connection, 1)


def unfinished_bodies(world):
    block = http2.headers(METHOD, authorization="Bearer nobody's")
    connections = []
    for _ in range(30):
        try:
            connections.append(world.to_front("127.0.0.4"))
            attacks.begin_bodies(connections[-1], block, streams=30, bodies=4)
        except OSError:
            pass
        time.sleep(0.05)
    time.sleep(1)
    close(connections)


STANDING = [(idle_workers, 4), (watchers, 3), (silent_streams, 3), (idle_connections, 1),
            (calls_without_a_message, 1)]
AT_THE_PORT = [connections_at_the_port, gzip_at_the_port, bad_requests, import_that_is_refused, huge_header]
AT_THE_FRONT = [connections_at_the_front, gzip_at_the_front, open_and_reset, open_and_reset_with_token,
                many_streams, unfinished_bodies]


def attack_again_and_again(world, ends, actions, seed):
    """In rounds, each in another order."""
    os.nice(19)
    chooser = random.Random(seed)
    while True:
        chooser.shuffle(actions)
        for action in actions:
            if ends.wait(1):
                return
            began = time.monotonic()
            action(world)
            world.note(f"{action.__name__} {time.monotonic() - began:.1f}")


def stand(world, ends):
    """All that stays open, a thread for each connection or group of them."""
    os.nice(19)
    for action, count in STANDING:
        for number in range(count):
            threading.Thread(target=action, args=(world, ends, number), daemon=True).start()
    ends.wait()


# The test


def png(chooser):
    """Small, and unlike the others."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + chooser.randbytes(16) for _ in range(16))
    header = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def write_pictures(folder, count, chooser):
    os.makedirs(folder)
    for number in range(count):
        with open(os.path.join(folder, f"{number}.png"), "wb") as file:
            file.write(png(chooser))


def write_headers(world):
    for name, size in (("megabyte", 1 << 20), ("more", 40 << 20)):
        tensor = '"%07d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
        header = "{" + ",".join(tensor % n for n in range((size - 10) // (len(tensor % 0) + 1))) + "}"
        with open(world.path(f"{name}.safetensors"), "wb") as file:
            file.write(struct.pack("<Q", size) + header.ljust(size).encode())


def prepare(deployment, seconds):
    chooser = random.Random(1)
    write_pictures(deployment.path("pictures"), IMAGES_A_SECOND * (seconds + 60), chooser)
    write_pictures(deployment.path("bad-pictures"), 50, chooser)
    with open(deployment.path("bad-pictures", "50.png"), "wb") as file:
        file.write(png(chooser)[:-30])
    deployment.loupe("project", "create", "parts", "--classes", "a,b", "--seed", "1")
    deployment.loupe("import", "--images", deployment.path("pictures"))
    world = World(deployment)
    write_headers(world)
    with open(deployment.path("engineer.token"), "w", encoding="utf-8") as file:
        file.write(world.tokens["engineer"])
    with open(deployment.path("recipe.textproto"), "w", encoding="utf-8") as file:
        file.write(RECIPE)
    return world


def fill_pool(world, deployment):
    """The coordinator keeps its connections to the database once they are made: all are made now."""
    with Connection(world.port, world.tokens["engineer"]) as connection:
        for _ in range(3):
            for _ in range(90):
                connection.begin("ImageService/ListImages", encode({1: "parts", 4: 1000}))
            for _ in range(90):
                _, code, answer = connection.next_end()
                assert code == OK, f"{answer}\n{deployment.log('server')[-3000:]}"


class Usage:
    def __init__(self, pid):
        self.memory = status_of(pid, "VmRSS")
        self.descriptors = descriptors_of(pid)
        self.threads = threads_of(pid)
        self.cpu_s = cpu_seconds_of(pid)

    def __str__(self):
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(self.threads.items()))
        return (f"{self.memory / 1e6:.0f} MB, {self.descriptors} descriptors, "
                f"{self.threads.total()} threads ({kinds})")

    def is_as(self, before):
        return (self.memory <= before.memory + MORE_MEMORY
                and self.threads.total() <= before.threads.total() + MORE_THREADS
                and self.descriptors <= before.descriptors + MORE_DESCRIPTORS)


def settled(pid, before):
    """What it uses once that is as before, or after SETTLE_S."""
    began = time.monotonic()
    while True:
        usage = Usage(pid)
        waited = time.monotonic() - began
        if usage.is_as(before) or waited > SETTLE_S:
            print(f"after:   {usage}, {waited:.0f} s after the attack", flush=True)
            return usage
        time.sleep(0.5)


def figures(name, calls):
    """Prints them; returns p99 and the slowest, in seconds."""
    times = sorted(call["s"] for call in calls)
    assert len(times) >= 300, f"{name}: only {len(times)} calls"
    p50, p99 = (times[int(len(times) * share)] for share in (0.5, 0.99))
    print(f"{name}: {len(times)} calls, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
          f"slowest {times[-1] * 1e3:.0f} ms, {sum(bool(c['failed']) for c in calls)} were tried again")
    for reason in sorted({reason for call in calls for reason in call["failed"]}):
        print(f"  tried again: {reason}")
    return p99, times[-1]


def start(target, *arguments):
    process = FORK.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


class Phases:
    """When those of each name began and ended."""

    def __init__(self):
        self.spans = []

    def run(self, name, seconds):
        began = time.monotonic()
        time.sleep(seconds)
        self.spans.append((name, began, time.monotonic()))

    def calls(self, name, calls):
        spans = [(first, last) for of, first, last in self.spans if of == name]
        return [call for call in calls if any(first <= call["began"] <= last for first, last in spans)]


def attack(world, phases, turn, seconds):
    """Returns the exit codes of attackers that ended before their time."""
    ends = FORK.Event()
    attackers = [start(stand, world, ends),
                 start(attack_again_and_again, world, ends, AT_THE_PORT, 2 * turn),
                 start(attack_again_and_again, world, ends, AT_THE_FRONT, 2 * turn + 1)]
    phases.run("attacked", seconds)
    died = [attacker.exitcode for attacker in attackers if not attacker.is_alive()]
    ends.set()
    deadline = time.monotonic() + 10  # longer than any attack takes
    for attacker in attackers:
        attacker.join(max(0, deadline - time.monotonic()))
        attacker.kill()
    return died


def stress(world, deployment, pid, seconds):
    """Returns what the annotators' calls were, the phases, and the coordinator's usage before and after."""
    works, ends = FORK.Event(), FORK.Event()
    annotators = [Annotator(world, number, works, ends) for number in range(ANNOTATORS)]
    processes = [start(annotator.run) for annotator in annotators]
    phases = Phases()
    works.set()
    phases.run("warm", 0.08 * seconds)
    fill_pool(world, deployment)
    deployment.loupe("round", "submit", "--recipe", deployment.path("recipe.textproto"))
    holder = start(hold_job, world, ends)
    time.sleep(2)
    died = []
    for turn in range(TURNS):
        phases.run("calm", 0.35 * seconds / TURNS)
        if turn == 0:
            works.clear()
            time.sleep(4)
            before = Usage(pid)
            print(f"before:  {before}", flush=True)
            forget_peak_of(pid)
            works.set()
        died += attack(world, phases, turn, 0.57 * seconds / TURNS)
        time.sleep(2)
    died += [process.exitcode for process in [holder, *processes] if not process.is_alive()]
    works.clear()
    print(f"peak:    {status_of(pid, 'VmHWM') / 1e6:.0f} MB, "
          f"{Usage(pid).cpu_s - before.cpu_s:.0f} s of processor time", flush=True)
    after = settled(pid, before)
    ends.set()
    for process in [holder, *processes]:
        process.join(30)
        process.kill()
    calls = [call for annotator in annotators for call in annotator.calls()]
    errors = [call["error"] for call in calls if "error" in call]
    assert not errors and not died, f"of the test's processes some ended before their time: {died} {errors}"
    return calls, phases, before, after


def count_attacks(world):
    with open(world.path("attacks.log"), encoding="utf-8") as file:
        notes = [json.loads(line) for line in file]
    counts = {}
    for note in notes:
        name = note["attack"].rsplit(" ", 1)[0]
        counts[name] = counts.get(name, 0) + 1
    print("attacks:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for action in AT_THE_PORT + AT_THE_FRONT:
        assert action.__name__ in counts, f"there was no {action.__name__}"
    return notes


def check_corrections(world, calls):
    with Connection(world.port, world.tokens["viewer"]) as connection:
        def revisions_of(image):
            shown = connection.call("ProvenanceService/GetImageProvenance", {1: "parts", 2: image})
            return [{"revision_id": r[1][0], "task_id": r.get(9, [0])[0]} for r in map(decode, shown[2])]
        return check_acknowledged([call for call in calls if call["call"] == "Submit"], revisions_of)


def check(world, deployment, seconds):
    pid = deployment.pid("server")
    calls, phases, before, after = stress(world, deployment, pid, seconds)
    errors = [call["error"] for call in calls if "error" in call]
    assert not errors, errors
    count_attacks(world)
    calm_p99, _ = figures("calm    ", phases.calls("calm", calls))
    attacked_p99, slowest = figures("attacked", phases.calls("attacked", calls))
    assert deployment.pid("server") == pid, "the coordinator was started again"
    count = check_corrections(world, calls)
    print(deployment.loupe("provenance", "verify").strip())
    print(f"{count} acknowledged corrections are there once")
    assert attacked_p99 <= SLOWER * calm_p99, f"p99 is {attacked_p99 / calm_p99:.1f} times the calm one"
    assert slowest <= SLOWEST_S, f"a call took {slowest:.1f} s"
    assert after.is_as(before), f"before: {before}; after: {after}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120,
                        help="that the annotators work, at least 60 (120)")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)

    deployment = Deployment(keep=args.keep)
    try:
        with_descriptors(DESCRIPTORS, lambda: deployment.loupe("up", "--no-worker"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        world = prepare(deployment, args.seconds)
        front = Front(deployment, world.port)
        try:
            world.place_front(front)
            check(world, deployment, args.seconds)
        finally:
            front.end()
    finally:
        deployment.__exit__()


if __name__ == "__main__":
    main()
