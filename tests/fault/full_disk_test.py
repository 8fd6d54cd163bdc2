#!/usr/bin/python3
"""Disks fill up while a round trains and annotators submit. The folder of `loupe up` is a small mount.

Imports end before they take what the database needs to start again, and leave the space as it was. When
somebody else fills the disk to its last byte, commands say so, also when PostgreSQL has ended of it. Once
there is room, all comes back by itself. What was acknowledged is there once, no file is half-written, and the
round ends well. A worker whose cache has no room says so, and doesn't hang.
"""
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from health import is_serving  # noqa: E402
from load import LoadedRound, wait_for  # noqa: E402
from loupe_programs import Deployment, program, run  # noqa: E402
from standing_still import standing_still  # noqa: E402

MIB = 1 << 20
DISK = 600 * MIB
RESERVE = DISK // 4  # docs/operations.md: a quarter of a disk below a gigabyte
RECIPE = """
detector { preset: "small" min_size: 96 max_size: 96 }
training { iterations: 500 batch_size: 4 checkpoint_interval: 20 }
prediction { shard_size: 60 }
ranking { budget: 60 }
"""
LARGE, SIDE = 45, 1900  # pictures of 10 MiB each: more than the disk has


@contextlib.contextmanager
def mounted(folder, size):
    """A disk of that many bytes. The test fails where none may be mounted."""
    os.makedirs(folder, exist_ok=True)
    made = run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "loupe-test", folder, check=False)
    assert made.returncode == 0, f"this test mounts small disks: run it as root. {made.stderr}"
    try:
        yield
    finally:
        run("umount", "--lazy", folder)


def free(folder):
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class Filler:
    """A file of somebody else on a disk."""

    def __init__(self, folder):
        self.folder, self.path = folder, os.path.join(folder, "filler")

    def leave(self, size):
        """All but that many bytes."""
        self.remove()
        with open(self.path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, free(self.folder) - size)

    def take_all(self):
        """The last byte too, and what became free meanwhile."""
        with contextlib.suppress(OSError):
            while free(self.folder) > MIB:
                with open(self.path, "ab") as file:
                    size = os.fstat(file.fileno()).st_size
                    os.posix_fallocate(file.fileno(), size, free(self.folder) - MIB)
            with open(self.path, "ab", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

    def remove(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def write_png(path, number):
    """A picture whose file is as large as its pixels."""
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    row = b"\0" + number.to_bytes(3, "big") * SIDE
    header = SIDE.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                   + chunk(b"IDAT", zlib.compress(row * SIDE, 0)) + chunk(b"IEND", b""))


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        self.deployment = Deployment()
        self.addCleanup(shutil.rmtree, self.deployment.directory, ignore_errors=True)
        self.disk = self.deployment.server_directory
        self.filler = Filler(self.disk)

    def start(self, disk, size, *options):
        """With a small disk, which is taken away once all has ended."""
        self.enterContext(mounted(disk, size))
        self.addCleanup(self.deployment.__exit__)
        self.addCleanup(self.filler.remove)
        self.deployment.loupe("up", *options)

    def refused(self, *arguments, within=70):
        """The one line that a command ends with."""
        began = time.monotonic()
        failed = run(program("loupe"), *arguments, "--dir", self.disk, check=False)
        self.assertEqual(failed.returncode, 1, failed.stdout)
        self.assertLess(time.monotonic() - began, within, failed.stderr)
        lines = [line for line in failed.stderr.splitlines() if not line.startswith("pictures ")]
        self.assertEqual(len([line for line in lines if line.startswith("loupe: ")]), 1, failed.stderr)
        print(f"{' '.join(arguments)[:60]}: {lines}", flush=True)
        return "\n".join(lines)

    def blobs(self):
        """Their paths, with those that are still coming in."""
        return {os.path.join(folder, name)
                for folder, _, names in os.walk(os.path.join(self.disk, "blobs")) for name in names}

    def serves(self):
        return is_serving(self.deployment.address)

    def keep_full(self, seconds):
        """What the database and logs set free is taken again."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.filler.take_all()
            time.sleep(0.1)

    def test_a_round_and_its_annotators_outlive_it(self):
        self.start(self.disk, DISK)
        load = LoadedRound(self.deployment, RECIPE, images=500, labelled=40, annotators=2)
        self.addCleanup(load.stop)
        self.a_large_import_leaves_the_space_as_it_was()
        load.start()
        wait_for(lambda: load.watcher.state == "training", 60)
        load.watcher.await_iteration(20)
        self.with_the_reserve_left_it_starts_again(load)
        self.with_nothing_left_it_says_so(load)
        with standing_still(self.deployment.pid("worker")):  # so that the training lasts
            self.with_no_database_it_says_so_and_comes_back(load)
        self.with_nothing_left_up_says_so(load)
        count = load.end(patience=300)
        print(f"{count} acknowledged corrections are there once", flush=True)
        self.assertGreater(count, 30, "nothing was put to the test")
        with self.subTest("a model"):
            self.a_model_does_not_take_the_reserve()
        self.no_file_is_half_written()

    def a_large_import_leaves_the_space_as_it_was(self):
        os.makedirs(self.deployment.path("large"))
        for number in range(LARGE):
            write_png(self.deployment.path("large", f"{number}.png"), number)
        before, had = free(self.disk), self.blobs()
        least = []
        stop = threading.Event()

        def measure():
            while not stop.wait(0.002):
                least.append(free(self.disk))

        measuring = threading.Thread(target=measure)
        measuring.start()
        told = self.refused("import", "--images", self.deployment.path("large"))
        stop.set()
        measuring.join()
        self.assertIn("make room", told)
        self.assertIn("RESOURCE_EXHAUSTED", told)
        self.assertLess(min(least), RESERVE + 100 * MIB, "it filled the disk")
        self.assertGreater(min(least), RESERVE - 20 * MIB, "it stopped before the reserve")
        self.assertEqual(self.blobs(), had)
        self.assertGreater(free(self.disk), before - 20 * MIB)  # the database's own files grow

    def with_the_reserve_left_it_starts_again(self, load):
        self.filler.leave(RESERVE - MIB)
        self.assertIn("make room", self.refused("import", "--images", self.deployment.path("large")))
        self.deployment.down()
        self.deployment.up()
        load.await_more(60)
        self.assertEqual(load.watcher.state, "training", load.watcher.error)

    def with_nothing_left_it_says_so(self, load):
        self.filler.take_all()
        annotator = load.annotators[0]
        told = ""
        deadline = time.monotonic() + 60
        while not told:  # there is some room in the files that the database has
            self.assertLess(time.monotonic(), deadline, "corrections are taken without end")
            self.filler.take_all()
            told = run(program("loupe"), "annotate", "--oracle", annotator.annotations, "--tasks", 5,
                       "--patience", 0, "--server", self.deployment.address,
                       "--token-file", annotator.token_file, check=False).stderr
            told = told[told.find("loupe: "):] if "loupe: " in told else ""
        self.assertIn("DATABASE_FULL", told)
        self.assertTrue(self.serves())
        self.filler.remove()
        load.await_more(60)

    def postgres_ends(self):
        """Since it can't write its log of changes; nor can it start again."""
        self.filler.take_all()
        deadline = time.monotonic() + 30
        while self.serves():
            self.assertLess(time.monotonic(), deadline, "PostgreSQL goes on")
            with contextlib.suppress(subprocess.CalledProcessError):  # its connection breaks
                self.deployment.psql("SELECT pg_switch_wal(); CREATE TABLE filler (); DROP TABLE filler;")
            self.filler.take_all()

    def with_no_database_it_says_so_and_comes_back(self, load):
        self.postgres_ends()
        self.assertIn("DATABASE_UNAVAILABLE",
                      self.refused("token", "create", "--role", "annotator", "--name", "late"))
        before = load.acknowledged()
        self.keep_full(5)
        self.assertEqual(load.acknowledged(), before)
        self.filler.remove()
        wait_for(self.serves, 60)
        load.await_more(90)

    def with_nothing_left_up_says_so(self, load):
        """Neither for its own files, nor for those that PostgreSQL needs to start."""
        self.postgres_ends()
        self.deployment.down()
        for left in (0, MIB):
            with self.subTest(f"{left} bytes are left"):
                self.filler.leave(left)
                if left == 0:
                    self.filler.take_all()
                self.assertIn("No space left", self.refused("up", within=120))
        self.deployment.down()
        self.filler.remove()
        self.deployment.up()
        load.await_more(60)

    def a_model_does_not_take_the_reserve(self):
        weights = self.deployment.path("weights.safetensors")
        self.deployment.loupe("model", "export", "--out", weights)
        size = os.path.getsize(weights)
        self.filler.leave(RESERVE + size // 2)
        told = self.refused("model", "import", "--weights", weights, "--preset", "small", "--name", "again")
        self.assertIn("make room", told)
        self.assertGreaterEqual(free(self.disk), RESERVE)
        self.filler.remove()

    def no_file_is_half_written(self):
        for path in self.blobs():
            with open(path, "rb") as file:
                hashed = hashlib.sha256(file.read()).hexdigest()
            name = os.path.relpath(path, os.path.join(self.disk, "blobs")).replace("/", "")
            self.assertTrue(name.endswith(hashed), path)

    def test_a_worker_without_room_for_its_cache(self):
        cache = self.deployment.path("cache")
        self.start(cache, 8 * MIB, "--no-worker")
        load = LoadedRound(self.deployment, RECIPE.replace("500", "30"), images=60, labelled=20, annotators=1)
        self.addCleanup(load.stop)
        token = self.deployment.json("token", "create", "--role", "worker", "--name", "small")["secret"]
        with open(self.deployment.path("token"), "w", encoding="utf-8") as file:
            file.write(token)
        with open(self.deployment.path("worker.log"), "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [program("loupe-worker"), "run", "--server", self.deployment.address,
                 "--token-file", self.deployment.path("token"), "--cache-dir", cache], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        load.start()
        load.watcher.join(timeout=120)
        print(load.watcher.state, load.watcher.error, flush=True)
        self.assertEqual(load.watcher.state, "failed")
        self.assertIn("No space left", load.watcher.error)
        self.assertIsNone(process.poll(), "the worker goes on")


if __name__ == "__main__":
    unittest.main(verbosity=2)
