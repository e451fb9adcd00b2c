"""What an environment costs a month on each target, by prices.json and by what was measured."""

import dataclasses
import json
import math
import pathlib
import re

from .outcome import Refused

ROOT = pathlib.Path(__file__).parents[3]
TARGETS = ("lambda", "fargate", "ec2")
HOURS = 730
SECONDS = HOURS * 3600
MINUTES = HOURS * 60
GB = 10**9

MIX = {"read": 0.80, "list": 0.05, "search": 0.05, "create": 0.10}


@dataclasses.dataclass(frozen=True)
class Counted:
    """What no table of docs/ has, of a process that remembers nothing; counted as docs/COST.md says ("Measured")."""

    round_trips: int  # to the table, one after the other; a transaction is two
    received: int  # bytes on the wire, heads included
    sent: int
    lines: int  # that a function logs, metrics among them
    logged: int  # their bytes


COUNTED = {
    "read": Counted(3, 201, 1066, 5, 1729),
    "list": Counted(3, 183, 15222, 7, 2352),
    "search": Counted(4, 185, 734, 9, 3035),
    "create": Counted(6, 1036, 1155, 9, 3089),
}
FUNCTION_CHECK_LOG = 675 + 2 * 26
CONTAINER_LOG = 233 + 26
LINE_OVERHEAD = 26  # that CloudWatch adds to each line it counts
SERIES = {"api": 379 + 5, "worker": 51 + 5}  # five are the scrape's own
EMF_METRICS = 68  # at most, docs/METRICS.md
HISTORY_METRICS = 12  # of two functions, shared/history/src/cloudwatch.rs
ALARMS = {"lambda": (37, 2), "fargate": (15, 1), "ec2": (15, 1)}  # metrics that alarms look at; composite ones
INSIGHTS_METRICS = 61  # a cluster 11; a service 15, its task family 10
INSIGHTS_LOG = 2000  # bytes of a task in a minute
ROUND_TRIP_MS = 5
VCPU_MB = 1769  # of a function's memory, that come with one processor
REQUESTS_A_CONNECTION = 10
CONTACT_GB = 5000 / GB


@dataclasses.dataclass(frozen=True)
class Environment:
    """An environment. The defaults are those of infra/modules; a test compares them."""

    zones: int = 2
    nat: int = 1
    endpoints: int = 0
    function_memory: int = 512
    task_cpu: int = 256
    task_memory: int = 512
    api_min: int = 2
    workers: int = 1
    requests_per_minute: float = 1000
    cpu_percent: int = 70
    fargate_base: int = 1
    fargate_spot: float = 0
    tasks_per_host: int = 2
    host_base: int = 1
    host_spot: float = 0.8
    volume_gb: int = 30
    scrape_s: int = 15
    insights: bool = True
    contacts: int = 100_000
    firewall: bool = False
    cache_nodes: int = 0
    key: bool = False
    vaults: int = 0
    backups: bool = False
    flow_logs: bool = False


DEFAULT = Environment()
DEV = Environment(insights=False, api_min=1, fargate_base=0, fargate_spot=1, host_base=0, host_spot=1)
STAGING = Environment(firewall=True, key=True, fargate_spot=0.8, cache_nodes=1)
PROD = Environment(
    zones=3,
    nat=3,
    api_min=3,
    workers=2,
    fargate_base=2,
    fargate_spot=0.5,
    host_base=2,
    firewall=True,
    key=True,
    cache_nodes=2,
    backups=True,
    flow_logs=True,
)


class Prices:
    def __init__(self, path=ROOT / "infra/tools/prices.json"):
        self.path = path
        self.list = json.loads(path.read_text())

    def __call__(self, name):
        try:
            return self.list["prices"][name]["usd"]
        except KeyError:
            raise Refused(f"{self.path.name} has no price {name}: add it, with unit, source and date") from None

    def unconfirmed(self):
        return sorted(name for name, price in self.list["prices"].items() if price["confirmed"] is None)


@dataclasses.dataclass(frozen=True)
class Request:
    """The average request of the mix."""

    reads: float
    writes: float
    received: float
    sent: float
    function_ms: float
    cpu_s: float
    function_log: float


def average_request(environment=DEFAULT, docs=ROOT / "docs"):
    """From the tables that make bench writes, and from COUNTED."""
    bench, data = docs / "BENCHMARKS.md", docs / "DATA.md"
    units = {"read": "get", "list": "list of 50", "search": "search with one hit", "create": "create"}
    times = {
        "read": "warm read",
        "list": "warm list of 50",
        "search": "warm search with one hit",
        "create": "warm write (create)",
    }

    def reads_writes(row):
        text = cell(data, row, "1,000")
        return [sum(float(number) for number in re.findall(rf"([\d.]+) {kind}\b", text)) for kind in "rw"]

    ms = {kind: number(cell(bench, row, "product")) for kind, row in times.items()}
    cpu_of_get = number(cell(bench, "processor time of one `GET`", "product")) / 10**6
    look_ups = reads_writes("get, in a process that remembers nothing")[0] - reads_writes("get")[0]
    mean = dict.fromkeys((field.name for field in dataclasses.fields(Request)), 0.0)
    for kind, share in MIX.items():
        counted, (reads, writes) = COUNTED[kind], reads_writes(units[kind])
        # A function of less memory has less of a processor; the whole of the measured time counts as its work.
        slowed = ms[kind] * max(1, VCPU_MB / environment.function_memory)
        for name, value in (
            ("reads", reads + look_ups),
            ("writes", writes),
            ("received", counted.received),
            ("sent", counted.sent),
            ("function_ms", math.ceil(slowed + counted.round_trips * ROUND_TRIP_MS)),
            ("cpu_s", cpu_of_get * ms[kind] / ms["read"]),
            ("function_log", counted.logged + counted.lines * LINE_OVERHEAD),
        ):
            mean[name] += share * value
    return Request(**mean)


def cell(path, row, column):
    """The text of a Markdown table's cell: by its row's first cell, and its column's heading."""
    head, before = [], []
    for line in path.read_text().splitlines():
        cells = [text.strip() for text in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells and set("".join(cells)) <= set("-: "):
            head = before
        elif cells and cells[0] == row and column in head:
            return cells[head.index(column)]
        before = cells
    raise Refused(f"docs/{path.name} has no row “{row}” with a column “{column}”: make bench writes it")


def number(text):
    found = re.match(r"[\d,]+(\.\d+)?", text)
    if not found:
        raise Refused(f"“{text}” in docs/ does not begin with a number: make bench writes it")
    return float(found[0].replace(",", ""))


def split(count, base, spot):
    """How many are on demand, how many on Spot."""
    on_demand = min(count, base) + math.ceil(round(max(count - base, 0) * (1 - spot), 9))
    return on_demand, count - on_demand


def api_tasks(rps, environment, request):
    """As many as scaling wants. The maximum, 4 by default, counts as raised where they are more."""
    by_requests = math.ceil(rps * 60 / environment.requests_per_minute)
    by_cpu = math.ceil(rps * request.cpu_s / (environment.cpu_percent / 100 * environment.task_cpu / 1024))
    return max(environment.api_min, by_requests, by_cpu)


def items(target, rps, environment=DEFAULT, request=None, price=None):
    """USD a month, item by item."""
    price = price or Prices()
    request = request or average_request(environment)
    requests = rps * SECONDS
    functions = target == "lambda"
    private = not functions or environment.cache_nodes > 0
    nat = environment.nat if private else 0
    endpoints = environment.endpoints if private else 0
    api, workers = api_tasks(rps, environment, request), environment.workers
    log_gb = requests * (request.function_log if functions else CONTAINER_LOG) / GB
    stored_gb = environment.contacts * CONTACT_GB
    sweeps = MINUTES + 2 * MINUTES / 15
    merges = MINUTES / 15

    connections = rps / REQUESTS_A_CONNECTION
    gb_an_hour = rps * (request.received + request.sent) * 3600 / GB
    # The greatest of new connections, open ones for a minute each, and bytes: a function's count 2.5 times.
    units = max(connections / 25, connections * 60 / 3000, gb_an_hour / (0.4 if functions else 1))

    costs = {
        "load balancer": HOURS * (price("alb-hour") + units * price("alb-lcu")),
        "public addresses": HOURS * (environment.zones + nat) * price("ipv4-hour"),
        "table, requests": requests * (request.reads * price("table-read") + request.writes * price("table-write")),
        "table, storage": stored_gb * (price("table-gb") + price("table-pitr")),
        "transfer out": requests * request.sent / GB * price("transfer-gb"),
    }
    # The clock's messages are sent, received and deleted; the sweep looks at 17 partitions. A mapping polls by
    # five, a worker by one, each for 20 seconds.
    polls = SECONDS / 20 * (5 if functions else workers)
    costs["clock and queue"] = (
        sweeps * price("scheduler-call")
        + (3 * sweeps + polls) * price("sqs-request")
        + MINUTES * 17 * price("table-read")
    )
    if functions:
        checks = MINUTES * environment.zones
        memory = environment.function_memory / 1024
        seconds = (requests * request.function_ms + checks + sweeps * 100) / 1000
        log_gb += (checks * FUNCTION_CHECK_LOG + sweeps * request.function_log) / GB
        calls = requests + checks + sweeps
        costs["functions"] = calls * price("lambda-request") + seconds * memory * price("lambda-gb-s")
        costs["metrics"] = EMF_METRICS * price("cloudwatch-metric")
        # Four lists, a file of minutes for each function, and now and then an hour and a day.
        costs["history"] = merges * (7 * price("s3-put") + HISTORY_METRICS * price("cloudwatch-query"))
    else:
        tasks = api + workers
        # A file of each task every minute, three lists, and now and then an hour and a day.
        costs["history"] = (tasks * MINUTES + 4 * merges) * price("s3-put")
        if environment.insights:
            log_gb += tasks * INSIGHTS_LOG * MINUTES / GB
        if target == "fargate":
            halves = [split(count, environment.fargate_base, environment.fargate_spot) for count in (api, workers)]
            cpu, memory = environment.task_cpu / 1024, environment.task_memory / 1024
            costs["tasks"] = sum(
                sum(counts) * HOURS * (cpu * price(f"fargate-vcpu{kind}") + memory * price(f"fargate-gb{kind}"))
                for counts, kind in zip(zip(*halves), ("", "-spot"))
            )
        else:
            hosts = math.ceil(tasks / environment.tasks_per_host)
            on_demand, spot = split(hosts, environment.host_base, environment.host_spot)
            costs["hosts"] = HOURS * (on_demand * price("ec2-t3-medium") + spot * price("ec2-t3-medium-spot"))
            costs["hosts, volumes and metrics"] = hosts * (
                environment.volume_gb * price("ebs-gp3") + 7 * price("ec2-detailed-metric")
            )
        samples = SECONDS / environment.scrape_s * (api * SERIES["api"] + workers * SERIES["worker"])
        costs["metrics"] = (
            environment.insights * INSIGHTS_METRICS * price("cloudwatch-metric")
            + min(samples, 2 * GB) * price("amp-samples")
            + max(samples - 2 * GB, 0) * price("amp-samples-next")
        )
    metrics, composites = ALARMS[target]
    costs["alerts"] = metrics * price("alarm-metric") + composites * price("alarm-composite") + price("dashboard")
    # Kept for 14 days of 30.
    costs["logs"] = log_gb * (price("logs-gb") + 14 / 30 * price("logs-storage"))
    if nat:
        costs["NAT"] = nat * HOURS * price("nat-hour") + log_gb * price("nat-gb")
    if endpoints:
        costs["interface endpoints"] = endpoints * environment.zones * HOURS * price("interface-endpoint")
    if environment.firewall:
        costs["firewall"] = price("waf-acl") + 6 * price("waf-rule") + requests * price("waf-request")
    if environment.cache_nodes:
        costs["cache"] = environment.cache_nodes * HOURS * price("elasticache-t4g-micro")
    if environment.key:
        costs["key"] = price("kms-key")
    if environment.vaults and not functions:
        costs["vaults"] = environment.vaults * price("secret")
    if environment.backups:
        # Whole copies: 30 are warm, 335 cold.
        costs["backups"] = stored_gb * (30 * price("backup-warm") + 335 * price("backup-cold"))
    if environment.flow_logs:
        # Four records of 110 bytes a connection: both directions, at the load balancer and behind it.
        costs["flow logs"] = 4 * connections * SECONDS * (110 + LINE_OVERHEAD) / GB * price("logs-gb")
    return costs


def total(target, rps, environment=DEFAULT, request=None, price=None):
    return sum(items(target, rps, environment, request, price).values())
