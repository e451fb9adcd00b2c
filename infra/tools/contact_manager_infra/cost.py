"""make cost: prints what each target costs at some loads, and rewrites docs/COST.md and its figure.

It needs nothing but this clone and Python: no boto3, no network. docs/COST.md says how to read it.
"""

import dataclasses
import math

from .bill import CONTAINER_LOG, DEFAULT, DEV, HOURS, PROD, ROOT, STAGING, TARGETS
from .bill import Prices, api_tasks, average_request, items, total
from .outcome import Refused

LOADS = (0, 1, 10, 100, 1000)
DECADES = 4
CURVE = [0.1 * 10 ** (step / 100) for step in range(DECADES * 100 + 1)]

OPTIONS = {
    "firewall": {"firewall": True},
    "cache, 2 nodes": {"cache_nodes": 2},
    "key of one's own": {"key": True},
    "vaults of both services": {"vaults": 2},
    "daily backups, after a year": {"backups": True},
    "flow logs": {"flow_logs": True},
    "NAT in each of 2 zones": {"nat": 2},
    "7 interface endpoints, no NAT": {"nat": 0, "endpoints": 7},
    "Fargate Spot, 80 % above the first": {"fargate_spot": 0.8},
    "hosts on demand alone": {"host_spot": 0},
    "tasks by CPU alone, not by requests": {"requests_per_minute": math.inf},
}


def crossings(first, second):
    """Loads at which `second`, a function of the load, gets below `first` (True) or above it again (False)."""
    gaps = [first(load) - second(load) for load in CURVE]
    return [
        (before + (after - before) * gap / (gap - next_gap), next_gap > 0)
        for before, after, gap, next_gap in zip(CURVE, CURVE[1:], gaps, gaps[1:])
        if (gap > 0) != (next_gap > 0)
    ]


def table(loads=LOADS, environment=DEFAULT):
    """What make cost prints."""
    price, request = Prices(), average_request(environment)
    lines = [" ".join(("rps", *TARGETS))]
    for rps in loads:
        amounts = (f"{total(target, rps, environment, request, price):.2f}" for target in TARGETS)
        lines.append(" ".join((f"{rps}", *amounts)))
    return "\n".join(lines)


def markdown(head, rows):
    """A table whose columns are as wide as they need to be."""
    rows = [[str(text) for text in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def usd(amount, signed=False):
    return f"{amount + 1e-9:{'+' if signed else ''},.2f}" if abs(amount) >= 0.005 else "0"


def chapter():
    """The part of docs/COST.md between the marks."""
    price, request = Prices(), average_request()

    def at(target, rps, environment=DEFAULT):
        return total(target, rps, environment, request, price)

    def by_item(rps):
        columns = [items(target, rps, DEFAULT, request, price) for target in TARGETS]
        names = list(dict.fromkeys(name for column in columns for name in column))
        rows = [(name, *(usd(column[name]) if name in column else "" for column in columns)) for name in names]
        rows.append(("**together**", *(usd(sum(column.values())) for column in columns)))
        return markdown(("item", *TARGETS), rows)

    def crossing(first, second):
        met = crossings(lambda rps: at(first, rps), lambda rps: at(second, rps))
        if not met:
            cheaper = first if at(first, 1) < at(second, 1) else second
            return f"- **{first}, {second}**: they do not cross up to 1,000; {cheaper} is cheaper throughout."
        points = (f"{second} is the {'cheaper' if below else 'dearer'} one from {load:.1f}" for load, below in met)
        return f"- **{first}, {second}**: {', '.join(points)} requests a second."

    options = []
    for name, change in OPTIONS.items():
        changed = dataclasses.replace(DEFAULT, **change)
        options.append((name, *(usd(at(t, rps, changed) - at(t, rps), True) for rps in (0, 100) for t in TARGETS)))
    environments = [
        (name, *(usd(at(t, 0, environment)) for t in TARGETS))
        for name, environment in (("dev", DEV), ("staging", STAGING), ("prod", PROD))
    ]
    by_cpu = dataclasses.replace(DEFAULT, requests_per_minute=math.inf)
    return "\n\n".join((
        f"Prices of {price.list['date']}, {price.list['region']}; USD a month of {HOURS} hours. By `make cost`.",
        markdown(("requests a second", *TARGETS), [(f"{rps:,}", *(usd(at(t, rps)) for t in TARGETS)) for rps in LOADS]),
        "![Cost by load, both axes logarithmic](cost.svg)",
        "### Where they cross",
        "\n".join(crossing(*pair) for pair in (("lambda", "fargate"), ("lambda", "ec2"), ("fargate", "ec2"))),
        "### An idle environment, item by item",
        by_item(0),
        "### The same at 100 requests a second",
        by_item(100),
        "### What options add",
        markdown(("option", *(f"{t}, {when}" for when in ("idle", "100/s") for t in TARGETS)), options),
        "### The three environments, idle",
        markdown(("environment", *TARGETS), environments),
        "### The average request",
        markdown(("measure", "amount"), [
            ("read units, write units", f"{request.reads:.2f}, {request.writes:.2f}"),
            ("bytes received, sent", f"{request.received:,.0f}, {request.sent:,.0f}"),
            ("time of a function of 512 MB", f"{request.function_ms:.1f} ms"),
            ("processor time in a container", f"{request.cpu_s * 10**6:.0f} µs"),
            ("bytes that a function logs", f"{request.function_log:,.0f}"),
            ("bytes that a container logs", f"{CONTAINER_LOG:,}"),
            ("API tasks at 100, 1,000/s", ", ".join(f"{api_tasks(rps, DEFAULT, request)}" for rps in (100, 1000))),
            ("the same by CPU alone", ", ".join(f"{api_tasks(rps, by_cpu, request)}" for rps in (100, 1000))),
        ]),
        "### Not confirmed",
        "Prices for which no second source was at hand; look them up before you rely on them: "
        + ", ".join(f"`{name}`" for name in price.unconfirmed())
        + ".",
    ))


def between_marks(text, mark, new):
    """`text` with what stands between its two marks replaced."""
    begin, end = f"<!-- {mark}: rewritten by make cost -->", f"<!-- /{mark} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise Refused(f"docs/COST.md must have {begin} and {end} once each, in this order")
    return text[: text.index(begin) + len(begin)] + f"\n{new}\n" + text[text.index(end) :]


def figure(cost=None):
    """Cost by load as SVG: both axes logarithmic, from 0.1 to 1,000 requests a second."""
    price, request = Prices(), average_request()
    cost = cost or (lambda target, rps: total(target, rps, DEFAULT, request, price))
    left, top, width, height = 76, 24, 560, 340
    curves = {target: [cost(target, rps) for rps in CURVE] for target in TARGETS}
    low = math.floor(math.log10(min(map(min, curves.values()))))
    high = math.ceil(math.log10(max(map(max, curves.values()))))

    def x(rps):
        return left + width * (math.log10(rps) + 1) / DECADES

    def y(amount):
        return top + height * (high - math.log10(amount)) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 40} {top + height + 60}" role="img">',
        "<title>Cost a month of lambda, fargate and ec2 by requests a second</title>",
        # The colours of dark pages come from the reader's setting; dashes tell the lines apart without colours.
        "<style>text{font:13px sans-serif;fill:#333}.grid{stroke:#ccc}path{fill:none;stroke-width:2.5}"
        ".lambda{stroke:#b35900}.fargate{stroke:#0b5fb0;stroke-dasharray:9 4}.ec2{stroke:#2d7a2d;stroke-dasharray:2 4}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#555}"
        ".lambda{stroke:#ffa24d}.fargate{stroke:#6cb6ff}.ec2{stroke:#7dd87d}}</style>",
    ]
    for step in range(DECADES + 1):
        rps = 10 ** (step - 1)
        parts.append(f'<line class="grid" x1="{x(rps):.1f}" y1="{top}" x2="{x(rps):.1f}" y2="{top + height}"/>')
        parts.append(f'<text x="{x(rps):.1f}" y="{top + height + 20}" text-anchor="middle">{rps:,g}</text>')
    for exponent in range(low, high + 1):
        line = y(10**exponent)
        parts.append(f'<line class="grid" x1="{left}" y1="{line:.1f}" x2="{left + width}" y2="{line:.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{line + 4:.1f}" text-anchor="end">{10**exponent:,}</text>')
    for target, curve in curves.items():
        points = " L".join(f"{x(rps):.1f},{y(amount):.1f}" for rps, amount in zip(CURVE, curve))
        parts.append(f'<path class="{target}" d="M{points}"/>')
    for place, target in enumerate(TARGETS):
        height_of = top + 30 + 22 * place
        parts.append(f'<path class="{target}" d="M{left + 20},{height_of} h40"/>')
        parts.append(f'<text x="{left + 68}" y="{height_of + 4}">{target}</text>')
    middle = top + height / 2
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 46}" text-anchor="middle">requests a second</text>')
    turned = f'text-anchor="middle" transform="rotate(-90 18 {middle})"'
    parts.append(f'<text x="18" y="{middle}" {turned}>USD a month</text>')
    return "\n".join((*parts, "</svg>", ""))


def run(docs=ROOT / "docs"):
    print(table(), flush=True)
    text = (docs / "COST.md").read_text()
    (docs / "COST.md").write_text(between_marks(text, "costs", chapter()))
    (docs / "cost.svg").write_text(figure())


# By itself as well as through __main__, which needs boto3: make cost works on a machine that has Python alone.
if __name__ == "__main__":
    run()
