#!/usr/bin/python3
"""A coordinator that is there and doesn't answer: `loupe up` starts it again, and `loupe down` ends it with
all that belongs to it. Parts that stand still for a while, as on a machine that swaps or was suspended, go on
afterwards: a round and its annotators outlive it, and what was acknowledged is there once."""
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from health import is_serving  # noqa: E402
from load import LoadedRound, wait_for  # noqa: E402
from loupe_programs import Deployment, program, run, write_lines  # noqa: E402
from standing_still import postgres_standing_still, standing_still  # noqa: E402

RECIPE = """
detector { preset: "small" min_size: 96 max_size: 96 }
training { iterations: 120 batch_size: 4 checkpoint_interval: 10 }
prediction { shard_size: 60 }
ranking { budget: 60 }
"""
JOB_LEASE = 60  # seconds; db/stores/job_store.h


class StoppedPartsTest(unittest.TestCase):
    def setUp(self):
        self.deployment = Deployment()
        self.addCleanup(self.deployment.__exit__)
        self.deployment.loupe("up", "--no-worker")
        self.deployment.loupe("project", "create", "parts", "--classes", "a,b")

    def stop_server(self):
        server = self.deployment.pid("server")
        self.addCleanup(self.kill, server)
        os.kill(server, signal.SIGSTOP)
        return server

    @staticmethod
    def kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    @staticmethod
    def runs(pid):
        """Not so once it has ended, even if nobody has asked how."""
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                return file.read() != ""
        except FileNotFoundError:
            return False

    def test_up_starts_it_again(self):
        before = self.stop_server()
        began = time.time()
        told = self.deployment.loupe("up", "--no-worker")
        self.assertIn("does not answer: started again", told)
        self.assertLess(time.time() - began, 60)
        self.assertNotEqual(self.deployment.pid("server"), before)
        self.assertIn("parts", self.deployment.loupe("project", "list"))

    def test_a_worker_follows_to_another_port(self):
        """Somebody else listens at the old one, and must not get its token."""
        self.deployment.loupe("up")
        worker = self.deployment.pid("worker")
        address = self.deployment.address
        self.deployment.kill("server")
        host, port = address.rsplit(":", 1)
        with socket.create_server((host, int(port))):
            self.deployment.loupe("up")
            self.assertNotEqual(self.deployment.address, address)
            self.assertNotEqual(self.deployment.pid("worker"), worker)
            name = f"/{self.deployment.pid('worker')}"
            wait_for(lambda: any(w["is_here"] and w["name"].endswith(name)
                                 for w in self.deployment.json("status")["workers"]), 30)

    def test_down_ends_it_and_its_database(self):
        self.stop_server()
        postgres = self.deployment.pid("postgres")
        began = time.time()
        told = self.deployment.loupe("down")
        self.assertIn("did not answer, and was killed", told)
        self.assertLess(time.time() - began, 60)
        self.assertFalse(self.runs(postgres))
        self.deployment.loupe("up", "--no-worker")
        self.assertIn("parts", self.deployment.loupe("project", "list"))


class StandingStillTest(unittest.TestCase):
    def setUp(self):
        self.deployment = Deployment()
        self.addCleanup(self.deployment.__exit__)
        self.deployment.up()
        self.load = LoadedRound(self.deployment, RECIPE, images=500, labelled=40, annotators=2)
        self.addCleanup(self.load.stop)

    def test_a_round_and_its_annotators_outlive_it(self):
        self.load.start()
        wait_for(lambda: self.load.watcher.trained > 20, 120)
        first = self.deployment.pid("worker")
        with standing_still(first):
            began = time.monotonic()
            second = self.second_worker()
            self.the_coordinator_stands_still(20)
            self.postgres_stands_still(25)
            self.the_main_process_of_postgres_stands_still(5)
            self.another_worker_takes_over(second, began)
        count = self.load.end(patience=240)
        self.assertGreater(self.load.watcher.resumed_from, 0)
        self.assertEqual(self.deployment.pid("worker"), first)
        self.assertRegex(self.deployment.log("worker"), "the lease of (job 1|this job) has ended")
        print(f"{count} acknowledged corrections are there once", flush=True)

    def second_worker(self):
        """Its log."""
        token = self.deployment.json("token", "create", "--role", "worker", "--name", "second")["secret"]
        token_file = write_lines(self.deployment.path("second.token"), [token])
        log = self.deployment.path("second.log")
        with open(log, "w", encoding="utf-8") as file:
            process = subprocess.Popen(
                [program("loupe-worker"), "run", "--server", self.deployment.address,
                 "--token-file", token_file, "--cache-dir", self.deployment.path("second-cache")],
                stdout=file, stderr=file)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return log

    def list_projects(self):
        """Ends within the deadline of a call, with one line where it fails."""
        began = time.monotonic()
        listed = run(program("loupe"), "project", "list", "--dir", self.deployment.server_directory,
                     check=False)
        self.assertLess(time.monotonic() - began, 70)
        if listed.returncode != 0:
            self.assertEqual(len(listed.stderr.strip().splitlines()), 1, listed.stderr)
            self.assertRegex(listed.stderr, "DATABASE_UNAVAILABLE|DEADLINE_EXCEEDED")
        return listed

    def the_coordinator_stands_still(self, seconds):
        server = self.deployment.pid("server")
        with standing_still(server):
            self.assertFalse(is_serving(self.deployment.address))
            time.sleep(seconds)
        wait_for(lambda: is_serving(self.deployment.address), 30)
        self.load.await_more(60)
        self.assertEqual(self.deployment.pid("server"), server)

    def postgres_stands_still(self, seconds):
        main = self.deployment.pid("postgres")
        began = time.monotonic()
        with postgres_standing_still(self.deployment):
            wait_for(lambda: not is_serving(self.deployment.address), 15)
            self.assertNotEqual(self.list_projects().returncode, 0)
            time.sleep(max(0, began + seconds - time.monotonic()))
        wait_for(lambda: is_serving(self.deployment.address), 30)
        self.assertEqual(self.list_projects().returncode, 0)
        self.load.await_more(60)
        self.assertEqual(self.deployment.pid("postgres"), main)

    def the_main_process_of_postgres_stands_still(self, seconds):
        """Open connections are served; none is added."""
        with standing_still(self.deployment.pid("postgres")):
            time.sleep(seconds)
        wait_for(lambda: is_serving(self.deployment.address), 30)
        self.load.await_more(60)

    def another_worker_takes_over(self, log, began):
        """Once the lease of the one that stands still has ended."""

        def has_job():
            with open(log, encoding="utf-8") as file:
                return "goes on from iteration" in file.read()

        wait_for(has_job, 60)
        self.assertGreater(time.monotonic() - began, JOB_LEASE - 15)


if __name__ == "__main__":
    unittest.main(verbosity=2)
