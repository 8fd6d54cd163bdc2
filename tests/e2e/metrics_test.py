#!/usr/bin/python3
"""GET /metrics of a real coordinator: the counters against what was done, who may read it, what it costs, and
deploy/prometheus and deploy/grafana/service.json against a real Prometheus."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import http1  # noqa: E402
from grpc_client import Connection, Refused, decode, encode  # noqa: E402
from lineage import ANSWERS, DRAWN, OUTCOMES, RECIPE, Parts  # noqa: E402
from load import wait_for  # noqa: E402
from loupe_programs import BIN, SOURCE, Deployment, read_json, write_lines  # noqa: E402
from standing_still import postgres_standing_still  # noqa: E402

PROMETHEUS = os.path.join(SOURCE, "deploy", "prometheus")
DOC = os.path.join(SOURCE, "docs", "operations.md")
FRESH_S = 5  # how long the coordinator takes what it read from the database for new
CALLS = "loupe_rpc_duration_seconds_count"


def read(*names):
    with open(os.path.join(*names), encoding="utf-8") as file:
        return file.read()


def metrics_section():
    return read(DOC).split("## Metrics", 1)[1].split("\n## ", 1)[0]


def setUpModule():
    global deployment, parts, address
    deployment = Deployment()
    unittest.addModuleCleanup(deployment.__exit__)
    parts = Parts(deployment)
    parts.round("")
    for role in ("viewer", "engineer", "worker"):
        file = deployment.path(f"{role}.token")
        deployment.loupe("token", "create", "--role", role, "--name", f"some-{role}", "--out", file)
        parts.tokens[role] = read(file).strip()
    address = read(deployment.server_directory, "http.address").strip()


def get(path="/metrics", token=None, method="GET"):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with http1.Connection(address) as connection:
        connection.send(http1.request(method, path, address, headers))
        return connection.answer(method)


def text():
    answer = get(token=parts.tokens["viewer"])
    assert answer.status == 200, answer
    return answer.body.decode()


class Metrics(dict):
    """{name and labels as they are written: value}."""

    def __init__(self, exposition):
        lines = (line for line in exposition.splitlines() if not line.startswith("#"))
        super().__init__((name, float(value)) for name, value in (line.rsplit(" ", 1) for line in lines))

    def of(self, name, **labels):
        """The sum of those that have these labels; 0 without any."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        return sum(value for key, value in self.items()
                   if key.split("{")[0] == name and wanted <= set(re.findall(r'\w+="[^"]*"', key)))

    def values_of(self, label):
        return {value for key in self for value in re.findall(rf'\b{label}="([^"]*)"', key)}


def scrape():
    return Metrics(text())


@contextlib.contextmanager
def difference():
    """What the `with` adds; filled at its end."""
    before, added = scrape(), Metrics("")
    yield added
    after = scrape()
    added.update({key: after[key] - before.get(key, 0) for key in after})


def psql_counts(sql):
    rows = (line.rsplit("|", 1) for line in deployment.psql(sql).splitlines())
    return {key: int(number) for key, number in rows}


class CountersTest(unittest.TestCase):
    def test_tasks_answers_and_boxes(self):
        shown, origins = {}, {"accepted": 0, "adjusted": 0, "relabelled": 0, "drawn": 0}
        tasks = 0
        with difference() as added:
            for person in ("anna", "ben", "carl"):
                before = len(parts.answers)
                parts.annotate(person, 1)
                for answer in parts.answers[before:]:
                    tasks += 1
                    if not answer["shown"]:
                        origins["drawn"] += 1
                        continue
                    for outcome in OUTCOMES[person]:
                        shown[outcome] = shown.get(outcome, 0) + 1
                        made = outcome.removesuffix("_at_once")
                        if made in origins:
                            origins[made] += 1
                    origins["drawn"] += DRAWN in ANSWERS[person]["boxes"]
        self.assertEqual(added.of("loupe_tasks_served_total"), tasks)
        slices = psql_counts("SELECT slice, count(*) FROM task WHERE kind = 'ranked' GROUP BY slice")
        for name, number in slices.items():
            self.assertEqual(scrape().of("loupe_tasks_served_total", kind="ranked", slice=name), number, name)
        self.assertEqual(added.of("loupe_submits_total", standing="truth", lease="held"), tasks)
        self.assertEqual(added.of("loupe_submits_total"), tasks)
        for outcome, number in shown.items():
            self.assertEqual(added.of("loupe_shown_boxes_total", outcome=outcome), number, outcome)
        self.assertEqual(added.of("loupe_shown_boxes_total"), sum(shown.values()))
        for origin, number in origins.items():
            self.assertEqual(added.of("loupe_boxes_total", origin=origin), number, origin)
        self.assertEqual(added.of("loupe_boxes_total"), sum(origins.values()))
        for method in ("NextTasks", "Submit"):  # over HTTP, and once each
            self.assertEqual(added.of(CALLS, method=f"LabelingService.{method}", code="OK"), tasks)
            self.assertEqual(added.of(CALLS, method=f"LabelingService.{method}"), tasks)

    def test_what_is_repeated_refused_or_late(self):
        with difference() as added:
            again = {"project": "parts", "count": 1, "request_id": str(uuid.uuid4())}
            task, = parts.ask("dora", "LabelingService/NextTasks", **again)["tasks"]
            self.assertEqual(parts.ask("dora", "LabelingService/NextTasks", **again)["tasks"][0], task)
            bad = {"task_id": task["taskId"], "lease": task["lease"], "boxes": [{**DRAWN, "label": 9}]}
            with self.assertRaises(urllib.error.HTTPError):
                parts.call("dora", "Submit", **bad)
            deployment.psql("UPDATE lease SET expires_at = now() - interval '1 second' "
                            f"WHERE task_id = {task['taskId']}")
            wait_for(lambda: deployment.psql(f"SELECT state FROM task WHERE id = {task['taskId']}")
                     == "expired", 10)
            other, = parts.call("ben", "NextTasks", project="parts", count=1)["tasks"]
            self.assertEqual(other["image"]["id"], task["image"]["id"])
            parts.submit("ben", other, {"boxes": [DRAWN]})
            parts.submit("dora", task, {"boxes": [DRAWN]})
            first, same = (parts.call("ben", "OpenTask", project="parts", image_id=task["image"]["id"])
                           for _ in range(2))
            self.assertEqual(first["taskId"], same["taskId"])
        self.assertEqual(added.of("loupe_tasks_served_total", kind="ranked"), 2)
        self.assertEqual(added.of("loupe_tasks_served_total", kind="reopen", slice="none"), 1)
        self.assertEqual(added.of("loupe_lease_expirations_total", purpose="label"), 1)
        self.assertEqual(added.of("loupe_submits_total", standing="truth", lease="held"), 1)
        self.assertEqual(added.of("loupe_submits_total", standing="late", lease="ended"), 1)
        self.assertEqual(added.of("loupe_submits_total"), 2)
        self.assertEqual(added.of(CALLS, method="LabelingService.NextTasks", code="OK"), 3)
        self.assertEqual(added.of(CALLS, method="LabelingService.Submit", code="INVALID_ARGUMENT"), 1)
        self.assertEqual(added.of(CALLS, method="LabelingService.Submit", code="OK"), 2)

    def test_calls_by_code(self):
        with difference() as added:
            with Connection(deployment.address, parts.tokens["anna"]) as grpc:
                for _ in range(3):
                    grpc.call("ProjectService/ListProjects", {})
                with self.assertRaises(Refused):
                    grpc.call("ProjectService/DeleteProject", {})
            with Connection(deployment.address, "loupe_guessed") as grpc, self.assertRaises(Refused):
                grpc.call("ProjectService/ListProjects", {})
        self.assertEqual(added.of(CALLS, method="ProjectService.ListProjects", code="OK"), 3)
        self.assertEqual(added.of(CALLS, method="ProjectService.ListProjects", code="UNAUTHENTICATED"), 1)
        self.assertEqual(added.of(CALLS, method="ProjectService.DeleteProject", code="PERMISSION_DENIED"), 1)
        name = "loupe_rpc_duration_seconds_bucket"
        self.assertEqual(added.of(name, method="ProjectService.ListProjects", code="OK", le="+Inf"), 3)
        self.assertEqual(added.of("loupe_rpcs_in_flight"), 0)

    def test_an_open_stream(self):
        watched = "ProvenanceService.WatchEvents"
        grpc = Connection(deployment.address, parts.tokens["viewer"])
        self.addCleanup(grpc.close)
        grpc.begin("ProvenanceService/WatchEvents", encode({1: "parts"}))
        wait_for(lambda: scrape().of("loupe_rpcs_in_flight", method=watched) == 1, 10)
        grpc.close()
        wait_for(lambda: scrape().of("loupe_rpcs_in_flight", method=watched) == 0, 10)
        self.assertEqual(scrape().of(CALLS, method=watched, code="CANCELLED"), 1)

    def test_imports_and_jobs(self):
        metrics = scrape()
        imported = sum(len(names) for names in parts.imported.values())
        self.assertEqual(metrics.of("loupe_boxes_total", origin="imported"), imported)
        jobs = psql_counts("SELECT kind, count(*) FROM job WHERE state = 'done' GROUP BY kind")
        self.assertEqual(jobs["train"], 1)
        for kind, number in jobs.items():
            self.assertEqual(metrics.of("loupe_jobs_ended_total", kind=kind, state="done"), number, kind)
        self.assertEqual(metrics.of("loupe_jobs_ended_total", state="failed"), 0)


class GaugesTest(unittest.TestCase):
    def test_what_waits(self):
        wait_for(lambda: scrape().of("loupe_rounds", state="done") == 1, 2 * FRESH_S)
        leased = int(deployment.psql("SELECT count(*) FROM lease WHERE purpose = 'label'"))
        time.sleep(FRESH_S)
        metrics = scrape()
        self.assertGreater(metrics.of("loupe_queue_images", source="ranking"), 0)
        self.assertEqual(metrics.of("loupe_queue_images", source="ranking"), int(deployment.psql(
            "SELECT count(*) FROM ranking JOIN ranking_entry ON ranking_id = ranking.id "
            "JOIN usable_image image ON image.id = image_id "
            "WHERE ranking.state = 'active' AND position >= first_open AND truth_revision_id IS NULL")))
        self.assertGreater(metrics.of("loupe_queue_age_seconds", source="ranking"), 0)
        self.assertEqual(metrics.of("loupe_active_leases", purpose="label"), leased)
        deployment.loupe("class", "add", "rust", "--project", "parts")
        self.addCleanup(deployment.loupe, "class", "retire", "rust", "--project", "parts")
        asked = int(deployment.psql("SELECT count(*) FROM task_request WHERE kind = 'class_added'"))
        self.assertGreater(asked, 0)
        wait_for(lambda: scrape().of("loupe_queue_images", source="request") == asked, 2 * FRESH_S)

    def test_the_process_and_its_disk(self):
        pid = deployment.pid("server")
        blobs = os.path.join(deployment.server_directory, "blobs")
        files = [os.path.join(folder, name) for folder, _, names in os.walk(blobs) for name in names
                 if re.search(r"/[0-9a-f]{2}$", folder) and "renderings" not in folder]
        wait_for(lambda: scrape().of("loupe_blobs") == len(files), 300)
        metrics = scrape()
        self.assertEqual(metrics.of("loupe_blob_bytes"), sum(os.path.getsize(file) for file in files))
        disk = os.statvfs(blobs)
        self.assertEqual(metrics.of("loupe_disk_bytes"), disk.f_blocks * disk.f_frsize)
        self.assertGreater(metrics.of("loupe_disk_free_bytes"), metrics.of("loupe_disk_reserve_bytes"))
        status = dict(line.split(":", 1) for line in read(f"/proc/{pid}/status").splitlines())
        self.assertAlmostEqual(metrics.of("process_resident_memory_bytes"),
                               int(status["VmRSS"].split()[0]) << 10, delta=16 << 20)
        self.assertAlmostEqual(metrics.of("loupe_threads"), int(status["Threads"]), delta=8)
        self.assertAlmostEqual(metrics.of("process_open_fds"), len(os.listdir(f"/proc/{pid}/fd")), delta=8)
        began = os.stat(f"/proc/{pid}").st_mtime
        self.assertAlmostEqual(metrics.of("process_start_time_seconds"), began, delta=5)
        self.assertGreater(metrics.of("process_cpu_seconds_total"), 0)
        pool = metrics.of("loupe_database_connections", state="idle")
        self.assertGreater(pool, 0)
        self.assertLessEqual(pool, metrics.of("loupe_database_connections_limit"))
        self.assertEqual(metrics.of("loupe_build_info", version="0.1.0"), 1)
        self.assertGreaterEqual(metrics.of("loupe_http_connections"), 1)


class JobsTest(unittest.TestCase):
    def test_a_job_that_is_lost_and_fails(self):
        """The worker is killed, and this test is one."""
        deployment.kill("worker")
        recipe = write_lines(deployment.path("lost.textproto"), [RECIPE.format("round-1")])
        with difference() as added, Connection(deployment.address, parts.tokens["worker"]) as worker:
            parts.loupe("round", "submit", "--recipe", recipe)
            self.wait_for_gauge(1, "loupe_jobs", kind="train", state="waiting")
            self.assertGreater(scrape().of("loupe_job_queue_age_seconds"), 0)
            self.lease(worker)
            self.wait_for_gauge(1, "loupe_jobs", kind="train", state="leased")
            self.assertEqual(scrape().of("loupe_active_leases", purpose="job"), 1)
            self.assertEqual(scrape().of("loupe_job_queue_age_seconds"), 0)
            deployment.psql("UPDATE lease SET expires_at = now() - interval '1 second' WHERE purpose = 'job'")
            failed = {**self.lease(worker), 3: "no memory"}
            worker.call("WorkerService/FailJob", failed)
            with self.assertRaises(Refused):
                worker.call("WorkerService/FailJob", failed)
            self.wait_for_gauge(1, "loupe_rounds", state="failed")
        self.assertEqual(added.of("loupe_lease_expirations_total", purpose="job"), 1)
        self.assertEqual(added.of("loupe_jobs_ended_total", kind="train", state="failed"), 1)
        self.assertEqual(added.of("loupe_jobs_ended_total"), 1)
        self.assertEqual(scrape().of("loupe_jobs"), 0, "no round is under way")

    def wait_for_gauge(self, value, name, **labels):
        wait_for(lambda: scrape().of(name, **labels) == value, 3 * FRESH_S, f"{name} {labels}")

    @staticmethod
    def lease(worker):
        """What names the job and its lease in other calls."""
        response = worker.call("WorkerService/LeaseJob", {1: str(uuid.uuid4()), 2: "test"})
        job = decode(response[1][0])
        return {1: job[1][0], 2: job[2][0]}


class ReadersTest(unittest.TestCase):
    def test_who_may_read_it(self):
        reasons = {None: (401, "NO_TOKEN"), "loupe_guessed": (401, "UNKNOWN_TOKEN"),
                   parts.tokens["anna"]: (403, "WRONG_ROLE"), parts.tokens["worker"]: (403, "WRONG_ROLE")}
        for token, (status, reason) in reasons.items():
            answer = get(token=token)
            self.assertEqual(answer.status, status, answer)
            self.assertEqual(http1.json_of(answer)["details"][0]["debug"]["reason"], reason)
            self.assertNotIn(b"loupe_rpc", answer.body)
        for role in ("viewer", "engineer", "admin"):
            answer = get(token=parts.tokens[role])
            self.assertEqual((answer.status, answer.headers["content-type"], answer.headers["cache-control"]),
                             (200, "text/plain; version=0.0.4; charset=utf-8", "no-store"))
        self.assertEqual(get(token=parts.tokens["viewer"], method="HEAD").status, 200)
        self.assertEqual(get(token=parts.tokens["viewer"], method="POST").status, 405)

    def test_a_revoked_token_is_refused(self):
        file = deployment.path("revoked.token")
        deployment.loupe("token", "create", "--role", "viewer", "--name", "revoked", "--out", file)
        self.assertEqual(get(token=read(file).strip()).status, 200)
        deployment.loupe("token", "revoke", "revoked")
        wait_for(lambda: get(token=read(file).strip()).status == 401, 5)

    def test_nothing_private_and_no_label_without_a_bound(self):
        known = set(re.findall(r'{"(\w+\.\w+)", k', read(SOURCE, "server", "rpc", "access.cc"))) | {"other"}
        for number in range(50):
            name = f"Garbage{number}"
            self.assertEqual(get(f"/loupe.v1.{name}/Call", token=parts.tokens["admin"], method="POST").status,
                             404)
            with Connection(deployment.address, parts.tokens["admin"]) as grpc:
                with self.assertRaises(Refused):
                    grpc.call(f"LabelingService/{name}", {})
                with self.assertRaises(Refused):
                    grpc.call("ProjectService/GetProject", {1: name})
        exposition = text()
        metrics = Metrics(exposition)
        self.assertLessEqual(metrics.values_of("method"), known)
        self.assertIn("ProjectService.GetProject", metrics.values_of("method"))
        labels = {label for key in metrics for label in re.findall(r'(\w+)="', key)}
        self.assertEqual(labels, {"method", "code", "le", "kind", "slice", "standing", "lease", "outcome",
                                  "origin", "purpose", "state", "source", "version", "commit"})
        files = [answer["file_name"] for answer in parts.answers]
        for private in ("Garbage", '"parts"', "anna", "some-viewer", '"dent"', *files):
            self.assertFalse(private in exposition, private)

    def test_many_readers_cost_one_question(self):
        deployment.psql("ALTER SYSTEM SET log_min_duration_statement = 0")
        deployment.psql("SELECT pg_reload_conf()")

        def questions():
            return len(re.findall("execute CountLeases:", deployment.log("postgres")))

        before = questions()
        wait_for(lambda: scrape() and questions() > before, 2 * FRESH_S + 10)
        time.sleep(FRESH_S)
        before, statuses = questions(), []
        readers = [threading.Thread(target=lambda: statuses.append(get(token=parts.tokens["viewer"]).status))
                   for _ in range(20)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(statuses, [200] * 20)
        wait_for(lambda: questions() > before, 10)
        self.assertEqual(questions(), before + 1)
        deployment.psql("ALTER SYSTEM RESET log_min_duration_statement")
        deployment.psql("SELECT pg_reload_conf()")

    def test_a_database_that_does_not_answer(self):
        self.assertEqual(scrape().of("loupe_database_up"), 1)
        with postgres_standing_still(deployment):
            time.sleep(1.1)  # for so long the coordinator doesn't ask who has a token
            for _ in range(5):
                began = time.monotonic()
                metrics = scrape()
                self.assertLess(time.monotonic() - began, 1)
                self.assertEqual(metrics["loupe_database_up"], 0)
                self.assertGreater(metrics.of(CALLS), 0)
                self.assertGreater(metrics.of("process_resident_memory_bytes"), 0)
                self.assertNotIn('loupe_active_leases{purpose="label"}', metrics)
            began = time.monotonic()
            answer = get(token=parts.tokens["engineer"][:-1] + "_")
            self.assertLess(time.monotonic() - began, 1)
            self.assertEqual(answer.status, 503, "nobody knows whether this token is one")
        wait_for(lambda: scrape().of("loupe_database_up") == 1, 20)
        self.assertIn('loupe_active_leases{purpose="label"}', scrape())


class DocTest(unittest.TestCase):
    def test_each_metric_is_documented(self):
        first_cells = re.findall(r"^\| (`.*?) \|", metrics_section(), re.MULTILINE)
        documented = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
        self.assertEqual(documented, set(re.findall(r"^# TYPE (\w+)", text(), re.MULTILINE)))

    def test_promtool_finds_no_fault_with_the_metrics(self):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text(), text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))


class PrometheusTest(unittest.TestCase):
    """A real one with the files of deploy/prometheus, but for ports and how often it asks. The commands of
    docs/operations.md come first."""

    @classmethod
    def setUpClass(cls):
        home = deployment.path("home")
        folder = os.path.join(home, "deploy", "prometheus")
        shutil.copytree(PROMETHEUS, folder)
        config = read(folder, "prometheus.yml")
        assert '"127.0.0.1:8080"' in config
        config_file = write_lines(os.path.join(folder, "prometheus.yml"), [
            config.replace("127.0.0.1:8080", address).replace("_interval: 15s", "_interval: 1s")])
        *commands, last = metrics_section().split("```")[1].strip().splitlines()
        assert last == "prometheus --config.file=deploy/prometheus/prometheus.yml", last
        shell = "\n".join(["set -euo pipefail", *commands]).replace("127.0.0.1:8080", address)
        environment = {**os.environ, "PATH": f"{BIN}:/usr/bin:/bin", "LOUPE_SERVER": deployment.address,
                       "LOUPE_TOKEN_FILE": deployment.path("server", "admin.token")}
        cls.said = subprocess.run(["/bin/bash", "-c", shell], cwd=home, env=environment, text=True,
                                  check=True, stdout=subprocess.PIPE).stdout
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            cls.address = f"127.0.0.1:{free.getsockname()[1]}"
        cls.log = open(os.path.join(folder, "log"), "w", encoding="utf-8")
        cls.addClassCleanup(cls.log.close)
        program = subprocess.Popen(
            ["prometheus", f"--config.file={config_file}", f"--web.listen-address={cls.address}",
             f"--storage.tsdb.path={os.path.join(folder, 'data')}"], stdout=cls.log, stderr=cls.log)
        cls.addClassCleanup(program.wait)
        cls.addClassCleanup(program.send_signal, signal.SIGTERM)
        wait_for(lambda: cls.is_ready() and cls.is_scraping() or program.poll() is not None, 60)
        assert program.poll() is None, read(folder, "log")

    @classmethod
    def api(cls, path, **parameters):
        url = f"http://{cls.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    @classmethod
    def query(cls, expression):
        return cls.api("query", query=expression)["result"]

    @classmethod
    def is_ready(cls):
        """It answers 503 until its storage is open."""
        try:
            with urllib.request.urlopen(f"http://{cls.address}/-/ready", timeout=10):
                return True
        except OSError:
            return False

    @classmethod
    def is_scraping(cls):
        """Often enough for rates."""
        found = cls.query("count_over_time(loupe_database_up[1m])")
        return bool(found) and int(found[0]["value"][1]) >= 4

    def check_metrics_of(self, expression):
        names = set(re.findall(r"\b(?:loupe|process)_\w+", expression))
        self.assertTrue(names or "up{" in expression, expression)
        for name in names:
            self.assertTrue(self.query(f"count({name})"), f"there is no {name}: {expression}")

    def test_what_the_commands_of_the_doc_say(self):
        self.assertIn("loupe_database_up 1\n", self.said)
        self.assertRegex(self.said, r"SUCCESS: .*prometheus.yml is valid")
        self.assertRegex(self.said, r"SUCCESS: \d+ rules found")

    def test_it_scrapes(self):
        target, = self.api("targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))

    def test_the_alerts(self):
        wait_for(lambda: all(rule["health"] == "ok" for rule in self.rules()), 30)
        names = [rule["name"] for rule in self.rules()]
        self.assertGreaterEqual(len(names), 5)
        for rule in self.rules():
            with self.subTest(rule["name"]):
                self.check_metrics_of(rule["query"])
                self.assertNotEqual(rule["state"], "firing")
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                self.assertGreater(len(rule["annotations"]["description"]), 50)

    def rules(self):
        group, = self.api("rules")["groups"]
        return group["rules"]

    def test_an_alert_comes_and_says_what_to_do(self):
        with postgres_standing_still(deployment):
            wait_for(lambda: self.states()["LoupeDatabaseDown"] == "pending", 20)
            alert, = self.api("alerts")["alerts"]
            self.assertEqual(alert["annotations"]["summary"], f"the database of {address} doesn't answer")
        wait_for(lambda: self.states()["LoupeDatabaseDown"] == "inactive", 20)

    def states(self):
        return {rule["name"]: rule["state"] for rule in self.rules()}

    def test_every_panel_of_the_dashboard_shows_something(self):
        dashboard = read_json(os.path.join(SOURCE, "deploy", "grafana", "service.json"))
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        self.assertEqual(len({panel["title"] for panel in panels}), len(panels))
        datasource, instance = dashboard["templating"]["list"]
        self.assertEqual((datasource["name"], datasource["query"]), ("datasource", "prometheus"))
        label, = re.findall(r"^label_values\(loupe_build_info, (\w+)\)$", instance["query"])
        self.assertEqual(self.api(f"label/{label}/values", **{"match[]": "loupe_build_info"}), [address])
        for panel in panels:
            for target in panel["targets"]:
                expression = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
                with self.subTest(panel["title"], expression=expression):
                    self.assertNotIn("$", expression)
                    self.assertEqual(target["datasource"], {"type": "prometheus", "uid": "${datasource}"})
                    self.check_metrics_of(expression)
                    if expression.endswith("> 0"):  # nothing is in flight now
                        expression = expression.removesuffix("> 0")
                    found = self.query(expression)
                    self.assertTrue(found)
                    for shown in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                        self.assertIn(shown, found[0]["metric"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
