#!/usr/bin/python3
"""The two roles of the database, and checkpoints of the history, as an administrator meets them."""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import grpc_client  # noqa: E402
from loupe_programs import Deployment, program, run, worker  # noqa: E402

CLASSES = "scratch,pit,stain,dent,crack"
DISABLE = "ALTER TABLE label_box DISABLE TRIGGER append_only; "
ENABLE = "; ALTER TABLE label_box ENABLE TRIGGER append_only"


class HistoryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.addClassCleanup(cls.deployment.__exit__)
        deployment = cls.deployment
        worker("sample", "--out", deployment.path("parts"), "--images", 12, "--seed", 1)
        deployment.loupe("up", "--no-worker")
        deployment.loupe("project", "create", "parts", "--classes", CLASSES)
        deployment.loupe(*cls.imported())

    @classmethod
    def imported(cls):
        folder = cls.deployment.path("parts")
        return ("import", "--images", os.path.join(folder, "images"), "--coco",
                os.path.join(folder, "annotations.json"), "--labelled", "all")

    def verify(self, *options, check=True):
        return run(program("loupe"), "provenance", "verify", *options,
                   "--dir", self.deployment.server_directory, check=check)

    def checkpoint(self, name):
        file = self.deployment.path(name)
        self.deployment.loupe("provenance", "checkpoint", file)
        return file

    def test_a_change_with_new_hashes_is_named(self):
        file = self.checkpoint("before")
        result = json.loads(self.verify("--against", file, "--json").stdout)
        self.assertEqual((result["breaks"], result["revisions_since"]), ([], 0))
        self.assertGreater(result["boxes"], 0)
        change = """UPDATE label_box SET label = CASE label WHEN 1 THEN 2 ELSE 1 END
                    WHERE (revision_id, ordinal) = (SELECT revision_id, ordinal FROM label_box
                                                    ORDER BY 1, 2 LIMIT 1)"""
        new_hash = """; ALTER TABLE label_revision DISABLE TRIGGER append_only;
                    UPDATE label_revision SET hash = expected_hash(label_revision, image.sha256)
                    FROM image WHERE image.id = image_id;
                    ALTER TABLE label_revision ENABLE TRIGGER append_only"""
        self.deployment.psql(DISABLE + change + new_hash + ENABLE)
        self.verify()  # the chain alone shows nothing
        found = self.verify("--against", file, check=False)
        self.assertEqual(found.returncode, 1)
        self.assertRegex(found.stdout, r"image \d+ revision 1: it or one before it was rewritten, with new")
        self.assertIn("table label_box: the trigger append_only", found.stdout)
        self.assertIn("was changed behind the coordinator's back", found.stderr)
        self.deployment.psql(DISABLE + change + new_hash + ENABLE)
        found = self.verify("--against", file, check=False)
        self.assertNotIn("rewritten", found.stdout)

    def test_a_new_key_is_logged(self):
        self.assertIn("checkpoint.key was missing and is new", self.deployment.log("server"))

    def test_clients_that_take_nothing_hold_up_nobody(self):
        folder = self.deployment.server_directory
        with open(os.path.join(folder, "server.address"), encoding="utf-8") as file:
            address = file.read().strip()
        with open(os.path.join(folder, "admin.token"), encoding="utf-8") as file:
            token = file.read().strip()
        for method in ("VerifyStorage", "CollectStorage"):
            with self.subTest(method), contextlib.ExitStack() as stack:
                for _ in range(3):
                    silent = stack.enter_context(grpc_client.Connection(address, token, window=0))
                    silent.begin(f"StorageService/{method}", b"")
                for _ in range(3):
                    run(program("loupe"), "storage", "verify", "--dir", folder, timeout=30)

    def test_openssl_reads_the_signature(self):
        with open(self.checkpoint("signed"), encoding="utf-8") as file:
            lines = file.read().splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if line.startswith("root "))
        signature = bytes.fromhex(lines[-1].split()[1])
        for name, content in (("statement", "".join(lines[at:-1]).encode()), ("signature", signature)):
            with open(self.deployment.path(name), "wb") as file:
                file.write(content)
        key = os.path.join(self.deployment.server_directory, "checkpoint.key")
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        run("openssl", "pkey", "-in", key, "-pubout", "-out", self.deployment.path("public.pem"))
        checked = run("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey",
                      self.deployment.path("public.pem"), "-in", self.deployment.path("statement"),
                      "-sigfile", self.deployment.path("signature"))
        self.assertIn("Verified Successfully", checked.stdout)

    def test_what_is_no_checkpoint_is_refused(self):
        file = self.checkpoint("whole")
        with open(file, encoding="utf-8") as whole:
            text = whole.read()
        for content, why in ((text[:len(text) // 2], "no whole checkpoint"), ("", "no whole checkpoint"),
                             (text[:-10], "no whole checkpoint"),
                             (text.replace("image 3", "image 4"), "forged")):
            with open(self.deployment.path("broken"), "w", encoding="utf-8") as broken:
                broken.write(content)
            refused = self.verify("--against", self.deployment.path("broken"), check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(why, refused.stderr)
        self.deployment.loupe("project", "create", "another", "--classes", "a")
        self.addCleanup(self.deployment.loupe, "project", "delete", "another", "--confirm", "another")
        refused = self.verify("--against", file, "--project", "another", check=False)
        self.assertIn("of another project", refused.stderr)

    @contextlib.contextmanager
    def coordinator(self, folder, url):
        """A coordinator over a database elsewhere; yields how to call it."""
        address = os.path.join(folder, "server.address")
        if os.path.exists(address):
            os.remove(address)
        server = subprocess.Popen([program("loupe-server"), "--data-dir", folder, "--listen", "127.0.0.1:0",
                                   "--database-url", url], stderr=subprocess.PIPE, text=True)
        try:
            while not os.path.exists(address):
                self.assertIsNone(server.poll(), server.stderr.read() if server.poll() is not None else "")
                time.sleep(0.05)
            yield lambda *command: run(program("loupe"), *command, "--dir", folder).stdout
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)

    def test_a_database_elsewhere_has_two_roles(self):
        deployment = self.deployment
        sockets = os.path.join(deployment.server_directory, "postgres")
        deployment.psql("CREATE ROLE keeper LOGIN")
        deployment.psql("CREATE DATABASE elsewhere OWNER keeper")
        url = "host={} dbname=elsewhere user={}"
        owner, service = url.format(sockets, "keeper"), url.format(sockets, "loupe_service")
        folder = deployment.path("elsewhere")

        def start():
            return run(program("loupe-server"), "--data-dir", folder, "--listen", "127.0.0.1:0",
                       "--database-url", service, check=False)

        early = start()
        self.assertEqual(early.returncode, 1)
        self.assertIn("none of Loupe's tables: run `loupe-server migrate --database-url URL`", early.stderr)
        ready = run(program("loupe-server"), "migrate", "--database-url", owner)
        self.assertIn("start coordinators as loupe_service", ready.stderr)
        # Twice does no harm. Only an administrator may give another role a password.
        run(program("loupe-server"), "migrate", "--database-url", owner)
        run("env", "LOUPE_SERVICE_PASSWORD=a secret", program("loupe-server"), "migrate", "--database-url",
            url.format(sockets, "loupe"))
        self.assertRegex(deployment.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'loupe_service'"),
                         r"^SCRAM-SHA-256\$4096:")

        def as_service(sql):
            client = run("sh", "-c", "ls /usr/lib/postgresql/*/bin/psql").stdout.split()[-1]
            return run(client, service, "-c", sql, check=False)

        with self.coordinator(folder, service) as loupe:
            loupe("project", "create", "parts", "--classes", CLASSES)
            loupe(*self.imported())
            self.assertIn("0 breaks", loupe("provenance", "verify"))
            for sql in ("UPDATE label_box SET x1 = 0", "DELETE FROM label_revision", "TRUNCATE outcome",
                        "ALTER TABLE shown_box DISABLE TRIGGER append_only"):
                self.assertRegex(as_service(sql).stderr, "permission denied|must be owner", sql)
        # A later release: the service's role can't migrate by itself.
        run("sh", "-c", f"$(ls /usr/lib/postgresql/*/bin/psql | tail -1) '{owner}' -c "
            "\"DELETE FROM schema_function WHERE name = 'append_only'\"")
        self.assertIn("has the functions of another release: run `loupe-server migrate", start().stderr)
        run(program("loupe-server"), "migrate", "--database-url", owner)
        with self.coordinator(folder, service) as loupe:
            self.assertIn("0 breaks", loupe("provenance", "verify"))

    def test_the_role_is_asked_for_where_it_can_not_be_made(self):
        help_text = run(program("loupe-server"), "migrate", "--help").stdout
        self.assertIn("LOUPE_SERVICE_PASSWORD", help_text)
        missing = run(program("loupe-server"), "migrate", check=False)
        self.assertEqual(missing.returncode, 2)
        self.assertTrue(re.search("--database-url is required", missing.stderr))
        nowhere = run(program("loupe-server"), "--listen", "127.0.0.1:0", check=False)
        self.assertEqual(nowhere.returncode, 2)
        self.assertIn("--data-dir is required", nowhere.stderr)


if __name__ == "__main__":
    unittest.main()
