"""The first view of the dashboards on a big project: what the pages ask the coordinator for, over HTTP.

1,000,000 images, a fifth of them labelled, and 100 rounds, made up by SQL. Labels are counted and the sets of
images made before anything is timed.

- calls: of each, the first one of a coordinator that has just started, and the median and the longest of
  those that follow, in milliseconds. Then the same for answers that may be a day old.
- pages: when a page's frame, title and parts were painted in a browser with an empty cache, in milliseconds
  from the navigation. First with a coordinator that has just started, then again. Aim: 500 ms for what isn't
  computed for long, and for all of it the second time.
- grid: pages of images by each filter (dashboards_grid.py).
- 100 dashboards: what NextTasks loses while they are open (dashboards_open.py).
"""
import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import dashboards_grid  # noqa: E402
import dashboards_open  # noqa: E402
import grpc_client  # noqa: E402
from loupe_programs import BIN, SOURCE, Deployment  # noqa: E402

FOLDER = os.path.dirname(os.path.abspath(__file__))
FILL = os.path.join(FOLDER, "dashboards_fill.sql")
CLASSES = 10
RECIPE = "ranking { budget: 2000 }"
CALLS = {
    "GetProject": ("ProjectService", {}),
    "GetStatus": ("ProjectService", {}),
    "GetLabelStats": ("ProvenanceService", {"period": "WEEK"}),
    "GetRound": ("RoundService", {}),
    "ListRounds": ("RoundService", {"pageSize": 50}),
    "ListModels": ("ModelService", {"pageSize": 50}),
    "ListQueue": ("LabelingService", {"pageSize": 50}),
    "GetCurve": ("InsightService", {}),
    "EstimatePool": ("InsightService", {}),
    "CheckLabels": ("InsightService", {}),
}
KEPT = ("GetStatus", "GetLabelStats", "GetCurve", "EstimatePool", "CheckLabels")
PAGES = {
    "overview": "#/p/bench",
    "rounds": "#/p/bench/rounds",
    "models": "#/p/bench/models",
    "queue": "#/p/bench/queue",
    "images": "#/p/bench/images",
    "an image": "#/p/bench/images/15839",
    "set-up": "#/p/bench/setup",
}


def double(number, value):
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def evaluation(share):
    """v1.Evaluation of a model that finds this share."""
    ap = 0.2 + 0.5 * share
    encode = grpc_client.encode
    of_class = [encode({1: label + 1}) + double(2, ap) + double(3, ap + 0.1) for label in range(CLASSES)]
    calibrated = [encode({1: "platt"}) + double(4, 1.1) + double(5, -0.2) for _ in range(CLASSES)]
    calibration = encode({1: 500, 2: 2500, 3: calibrated}) + double(4, 0.09) + double(5, 0.03)
    return (encode({1: 1000}) + double(2, ap) + double(3, ap + 0.1) + double(4, ap) +
            encode({5: of_class, 6: 1, 7: calibration}))


class Bench:
    def __init__(self, deployment, images, rounds):
        self.deployment, self.images, self.rounds = deployment, images, rounds
        self.figures = {"images": images, "rounds": rounds}

    def fill(self):
        begun = time.monotonic()
        self.deployment.loupe("project", "create", "bench", "--classes",
                              ",".join(f"class-{n}" for n in range(CLASSES)))
        self.deployment.psql("", "-v", f"images={self.images}", "-v", f"rounds={self.rounds}",
                             "-v", f"recipe={RECIPE}", "-f", FILL)
        rows = ", ".join(f"({n}, {n}, decode('{evaluation(n / self.rounds).hex()}', 'hex'))"
                         for n in range(1, self.rounds + 1))
        self.deployment.psql(f"INSERT INTO evaluation (model_id, round_id, result) VALUES {rows}")
        self.deployment.psql("INSERT INTO image_change SELECT project_id, id FROM image")
        while self.deployment.psql("SELECT counted_id < (SELECT max(id) FROM label_revision) "
                                   "OR EXISTS (SELECT FROM image_change) FROM label_count_state") != "f":
            time.sleep(1)
        self.add(fill_s=time.monotonic() - begun)

    def add(self, **figures):
        for name, value in figures.items():
            self.figures[name] = round(value, 3)
            print(f"{name:64}{value:12.3f}", flush=True)

    def read(self, *names):
        with open(self.deployment.path("server", *names), encoding="utf-8") as file:
            return file.read().strip()

    def restart(self):
        self.deployment.down()
        self.deployment.up()

    @property
    def url(self):
        return f"http://{self.read('http.address')}"

    def ask(self, method, **more):
        """Returns the milliseconds that it took."""
        service, request = CALLS[method]
        headers = {"Authorization": f"Bearer {self.read('admin.token')}", "Content-Type": "application/json"}
        url = f"{self.url}/loupe.v1.{service}/{method}"
        body = json.dumps({"project": "bench", **request, **more}).encode()
        begun = time.monotonic()
        asked = urllib.request.Request(url, body, headers)
        with urllib.request.urlopen(asked, timeout=600) as answer:
            answer.read()
        return 1000 * (time.monotonic() - begun)

    def calls(self, times):
        self.restart()
        for method in CALLS:
            first = self.ask(method)
            following = [self.ask(method) for _ in range(times)]
            self.add(**{f"{method}: first ms": first, f"{method}: median ms": statistics.median(following),
                        f"{method}: longest ms": max(following)})
        for method in KEPT:
            kept = [self.ask(method, maxAgeSeconds=86400) for _ in range(20)]
            self.add(**{f"{method}, kept: median ms": statistics.median(kept),
                        f"{method}, kept: longest ms": max(kept)})

    def pages(self):
        self.restart()
        for visit in ("first", "second"):
            command = ["node", os.path.join(FOLDER, "dashboards", "first_view.mjs"), self.url,
                       self.read("admin.token"), *PAGES.values()]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                                    env={**os.environ, "LOUPE_BIN": BIN, "LOUPE_SOURCE": SOURCE}).stdout
            painted = json.loads(output)
            for page, address in PAGES.items():
                self.add(**{f"{page}, {visit} visit: {part} ms": at for part, at in painted[address].items()})

    def opened(self, quick):
        address = self.url.removeprefix("http://")
        for name, value in dashboards_open.figures(self.deployment, address, self.read("admin.token"), quick):
            self.add(**{name: value})

    def grid(self):
        for name, value in dashboards_grid.figures(self.url, self.read("admin.token")):
            self.add(**{name: value})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20,000 images, 20 rounds")
    quick = parser.parse_args().quick
    with Deployment() as deployment:
        bench = Bench(deployment, *((20_000, 20) if quick else (1_000_000, 100)))
        bench.fill()
        bench.calls(times=5)
        bench.pages()
        bench.grid()
        bench.opened(quick)
    print(json.dumps({"benchmark": "dashboards", **bench.figures}))


if __name__ == "__main__":
    main()
