#!/usr/bin/python3
"""The clock is set an hour on, and then back to where it was, while a round trains and annotators submit:
that of the coordinator, of PostgreSQL, or of all parts. They go on at once: images are handed out,
corrections are taken and are there once, leases last as long as they should, revoked tokens stay refused, and
the round ends well.

Only CLOCK_REALTIME is turned, as settimeofday does it. What waits for a time of that clock waits an hour
longer then: tests/support/turned_clock.c.
"""
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from health import is_serving  # noqa: E402
from load import LoadedRound, wait_for  # noqa: E402
from loupe_programs import Deployment, program, run, write_lines  # noqa: E402
from standing_still import postgres_standing_still  # noqa: E402
from turned_clock import HOUR, TurnedClock  # noqa: E402

RECIPE = """
detector { preset: "small" min_size: 96 max_size: 96 }
training { iterations: 240 batch_size: 4 checkpoint_interval: 10 }
prediction { shard_size: 100 }
ranking { budget: 60 }
"""
JOB_LEASE, TASK_LEASE = 60, 600  # seconds; db/stores
LEASES = """
SELECT coalesce(max(extract(epoch FROM expires_at - clock_timestamp())), 0)::int
FROM lease WHERE purpose = '{}';
"""
JOB = "SELECT number FROM lease WHERE purpose = 'job' AND expires_at > clock_timestamp()"


class ClockedDeployment(Deployment):
    """`loupe up` with clocks that can be turned."""

    def __init__(self):
        super().__init__()
        self.clock = TurnedClock(self.directory)

    def up(self):
        before = dict(os.environ)
        os.environ.update(self.clock.environment)
        try:
            return super().up()
        finally:
            os.environ.clear()
            os.environ.update(before)


class Turned:
    """`programs`: whose clocks are turned."""

    programs = ()
    a_worker_dies = False

    def setUp(self):
        self.deployment = ClockedDeployment()
        self.addCleanup(self.deployment.__exit__)
        self.deployment.up()
        self.load = LoadedRound(self.deployment, RECIPE, images=600, labelled=40, annotators=2)
        self.addCleanup(self.load.stop)

    def turn(self, seconds):
        self.deployment.clock.turn(self.programs, seconds)

    def token(self, role, name):
        created = self.deployment.json("token", "create", "--role", role, "--name", name)
        return write_lines(self.deployment.path(f"{name}.token"), [created["secret"]])

    def as_owner_of(self, token_file, *arguments, **options):
        return run(program("loupe"), *arguments, "--server", self.deployment.address,
                   "--token-file", token_file, **options)

    def watch(self, token_file):
        process = subprocess.Popen(
            [program("loupe"), "round", "watch", "1", "--server", self.deployment.address, "--token-file",
             token_file], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def longest_lease(self, purpose):
        return int(self.deployment.psql(LEASES.format(purpose)))

    def test_a_round_and_its_annotators_outlive_it(self):
        gone = self.token("viewer", "gone")
        self.deployment.loupe("token", "revoke", "gone")
        going, stays, holder = (self.token("viewer", "going"), self.token("viewer", "stays"),
                                self.token("annotator", "holder"))
        self.load.start()
        wait_for(lambda: self.load.watcher.trained > 5, 120)
        watching = self.watch(stays)
        ending = self.watch(going)

        self.turn(HOUR)
        with self.subTest("an hour on: corrections are taken at once"):
            self.load.await_more(20)
        time.sleep(11)  # the worker has renewed its lease by that clock
        self.as_owner_of(holder, "next")  # an image that nobody answers
        before = self.deployment.psql(JOB)
        if self.a_worker_dies:
            self.deployment.kill("worker")
        self.turn(0)
        self.turned_back(gone)
        with self.subTest("a token that is revoked now"):
            self.deployment.loupe("token", "revoke", "going")
            time.sleep(1.5)
            refused = self.as_owner_of(going, "project", "list", check=False)
            self.assertIn("REVOKED_TOKEN", refused.stderr)
            wait_for(lambda: ending.poll() is not None, 20)
        with self.subTest("the health check"):
            self.postgres_stands_still()
        with self.subTest("another worker takes over"):
            if self.a_worker_dies:
                wait_for(lambda: self.deployment.psql(JOB) not in ("", before), JOB_LEASE + 20)
        with self.subTest("the round"):
            count = self.load.end(patience=300)
            print(f"{count} acknowledged corrections are there once", flush=True)
            wait_for(lambda: watching.poll() is not None, 10)
            self.assertEqual(watching.returncode, 0)

    def turned_back(self, gone):
        self.deployment.up()  # where the worker has died
        with self.subTest("a token that was revoked"):
            self.assertIn("REVOKED_TOKEN", self.as_owner_of(gone, "project", "list", check=False).stderr)
        with self.subTest("corrections are taken at once"):
            self.load.await_more(20)
        with self.subTest("leases"):
            wait_for(lambda: self.longest_lease("label") <= TASK_LEASE + 1, 5)
            wait_for(lambda: self.longest_lease("job") <= JOB_LEASE + 1, 15)

    def postgres_stands_still(self):
        """Who looks every second notices."""
        with postgres_standing_still(self.deployment):
            wait_for(lambda: not self.serves(), 15)
        wait_for(self.serves, 15)

    def serves(self):
        return is_serving(self.deployment.address)


class CoordinatorTest(Turned, unittest.TestCase):
    programs = ("loupe-server",)


class DatabaseTest(Turned, unittest.TestCase):
    programs = ("postgres",)
    a_worker_dies = True


class AllTest(Turned, unittest.TestCase):
    programs = ("loupe-server", "postgres", "loupe-worker")


if __name__ == "__main__":
    unittest.main(verbosity=2)
