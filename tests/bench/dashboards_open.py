"""What NextTasks loses while 100 overviews are open on the project of dashboards_bench.py: each asks as
the page does (client/web/src/overview). Ten alternating pairs of 600 calls of loupe-bench-queue; the
ratio is that of their median times, without the dashboards to with them, with the mean's one-sided 95 %
bound below (the lower end of its 90 % interval). Aim: above 0.9.
"""
import http.client
import json
import os
import statistics
import threading
import time

from loupe_programs import program, run

COUNT = 100
PAIRS = 10
CALLS = 600
# Seconds between two calls of the page; the second is how old the answer may be.
POLLS = {
    ("ProjectService", "GetStatus"): (60, 60),
    ("RoundService", "GetRound"): (10, None),
    ("InsightService", "GetCurve"): (600, 600),
    ("InsightService", "EstimatePool"): (600, 600),
    ("InsightService", "CheckLabels"): (600, 600),
}
T_95 = 1.833  # of nine degrees of freedom


class Dashboard(threading.Thread):
    """Opens with a first view, then asks on while `is_open` is set."""

    def __init__(self, address, token, place, is_open, is_over):
        super().__init__(daemon=True)
        self.address, self.place, self.is_open, self.is_over = address, place, is_open, is_over
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.calls, self.failed = 0, 0

    def run(self):
        connection = http.client.HTTPConnection(self.address, timeout=120)
        due = {call: self.place * period / COUNT for call, (period, _) in POLLS.items()}
        begun = time.monotonic()
        while not self.is_over.is_set():
            self.is_open.wait()
            call = min(due, key=due.get)
            rest = begun + due[call] - time.monotonic()
            if rest > 0 and self.is_over.wait(min(rest, 1)):
                return
            if rest > 1 or not self.is_open.is_set():
                continue
            period, age = POLLS[call]
            due[call] = time.monotonic() - begun + period
            service, method = call
            body = {"project": "bench", **({"maxAgeSeconds": age} if age else {})}
            connection.request("POST", f"/loupe.v1.{service}/{method}", json.dumps(body), self.headers)
            response = connection.getresponse()
            response.read()
            self.calls += 1
            self.failed += response.status != 200


def figures(deployment, address, token, quick):
    """Yields names and figures."""
    token_file = deployment.path("server", "admin.token")
    with open(deployment.path("server", "server.address"), encoding="utf-8") as file:
        grpc_address = file.read().strip()
    calls = 50 if quick else CALLS
    is_open, is_over = threading.Event(), threading.Event()
    dashboards = [Dashboard(address, token, place, is_open, is_over) for place in range(COUNT)]
    for dashboard in dashboards:
        dashboard.start()
    ratios = []
    for _ in range(PAIRS):
        medians = []
        for opened in (False, True):
            (is_open.set if opened else is_open.clear)()
            time.sleep(1)
            output = run(program("loupe-bench-queue"), grpc_address, token_file, calls).stdout
            medians.append(json.loads(output)["next_tasks_median_ms"])
        ratios.append(medians[0] / medians[1])
    is_over.set()
    is_open.set()
    for dashboard in dashboards:
        dashboard.join()
    assert sum(dashboard.calls for dashboard in dashboards) > COUNT
    mean = statistics.mean(ratios)
    yield "100 dashboards: their calls", sum(dashboard.calls for dashboard in dashboards)
    yield "100 dashboards: of these failed", sum(dashboard.failed for dashboard in dashboards)
    yield "100 dashboards: NextTasks' ratio, mean of 10 pairs", mean
    yield "100 dashboards: its lower bound", mean - T_95 * statistics.stdev(ratios) / len(ratios) ** 0.5
