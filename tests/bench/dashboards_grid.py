"""The grid of images on the big project of dashboards_bench.py: pages of 100 by each filter, by some
pairs, and in each order. Of each: the first page (its median of 5, it also counts), and of the next
pages, 30 from either end, the longest. Beside them how many match. Aims: 200 ms, and 50 ms. Then the
first page by every pair of filters, and every page of the project in order of id and by file name.
"""
import itertools
import json
import statistics
import time
import urllib.request

FILTERS = {
    "no filter": {},
    "side pool": {"side": "POOL"},
    "side holdout": {"side": "HOLDOUT"},
    "labelled": {"labelled": True},
    "not labelled": {"labelled": False},
    "labelled by": {"labelledBy": "person-7"},
    "labelled in a week": {"labelledFrom": "2025-03-03T00:00:00Z", "labelledTo": "2025-03-10T00:00:00Z"},
    "labelled since": {"labelledFrom": "2025-03-03T00:00:00Z"},
    "class": {"className": "class-3"},
    "slice": {"slice": "RANDOM"},
    "origin": {"origin": "ADJUSTED"},
    "score 0.8 to 0.9": {"minScore": 0.8, "maxScore": 0.9},
    "score below 0.99": {"maxScore": 0.99},
    "file name": {"fileName": "part-12345"},
    "folder": {"fileName": "line-3/"},
    "excluded": {"state": "EXCLUDED"},
    "set aside": {"state": "SET_ASIDE"},
    "note": {"hasNote": True},
    "flag": {"flag": "unclear"},
    "request": {"hasRequest": True},
}
PAIRS = [("labelled by", "class"), ("labelled by", "labelled in a week"), ("labelled by", "slice"),
         ("class", "origin"), ("class", "slice"), ("class", "score 0.8 to 0.9"), ("class", "labelled since"),
         ("not labelled", "score 0.8 to 0.9"), ("not labelled", "folder"), ("side holdout", "labelled")]
ORDERS = ["BY_FILE_NAME", "BY_LABELLED_DAY", "BY_SCORE"]


class Grid:
    def __init__(self, url, token):
        self.url = f"{url}/loupe.v1.ImageService/SearchImages"
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def page(self, request):
        """Returns the page, and the milliseconds that it took."""
        body = json.dumps({"project": "bench", "pageSize": 100, **request}).encode()
        begun = time.monotonic()
        asked = urllib.request.Request(self.url, body, self.headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            read = answer.read()
        return json.loads(read), 1000 * (time.monotonic() - begun)

    def follow(self, request, page, most):
        times = []
        while page.get("nextPageToken") and len(times) < most:
            page, took = self.page({**request, "pageToken": page["nextPageToken"]})
            times.append(took)
        return times

    def of(self, request):
        """Returns milliseconds of the first page, of the longest that follows, and how many images match."""
        firsts = [self.page(request) for _ in range(5)]
        page = firsts[0][0]
        times = self.follow(request, page, 30)
        # From the other end: as deep as it gets.
        back = {**request, "descending": not request.get("descending", False)}
        times += self.follow(back, self.page(back)[0], 30)
        return statistics.median(took for _, took in firsts), max(times, default=0), page.get("total", "?")

    def every_page(self, **request):
        request = {**request, "pageSize": 500}
        page, _ = self.page(request)
        return self.follow(request, page, 10**9)


def figures(url, token):
    """Yields names and figures."""
    grid = Grid(url, token)
    while grid.page({"order": "BY_SCORE"})[0].get("isBehind"):
        time.sleep(1)
    asked = {name: {"filter": one} for name, one in FILTERS.items()}
    asked.update({f"{a}, {b}": {"filter": {**FILTERS[a], **FILTERS[b]}} for a, b in PAIRS})
    for order in ORDERS:
        asked[order] = {"order": order}
        asked[f"{order}, class"] = {"order": order, "filter": FILTERS["class"]}
        asked[f"{order}, not labelled, score"] = {
            "order": order, "filter": {**FILTERS["not labelled"], **FILTERS["score 0.8 to 0.9"]}}
    for name, request in asked.items():
        first, longest, total = grid.of(request)
        yield f"grid, {name}: of {total}, first ms", first
        yield f"grid, {name}: longest of the next ms", longest
    firsts = {f"{a}, {b}": grid.page({"filter": {**FILTERS[a], **FILTERS[b]}})[1]
              for a, b in itertools.combinations(FILTERS, 2) if not FILTERS[a].keys() & FILTERS[b].keys()}
    slowest = max(firsts, key=firsts.get)
    yield f"grid, {len(firsts)} pairs: median of the first ms", statistics.median(firsts.values())
    yield f"grid, {len(firsts)} pairs: slowest first ms ({slowest})", firsts[slowest]
    for order in ("IMAGE_ORDER_UNSPECIFIED", "BY_FILE_NAME"):
        times = sorted(grid.every_page(order=order))
        yield f"grid, every page, {order}: pages", len(times)
        yield f"grid, every page, {order}: median ms", statistics.median(times)
        yield f"grid, every page, {order}: p99 ms", times[len(times) * 99 // 100]
