import contextlib
import dataclasses
import io
import json
import pathlib
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from contact_manager_infra import bill, cost  # noqa: E402
from contact_manager_infra.bill import DEFAULT, TARGETS, Request  # noqa: E402
from contact_manager_infra.outcome import Refused  # noqa: E402

MODULES = bill.ROOT / "infra/modules"
ENVIRONMENTS = {"dev": bill.DEV, "staging": bill.STAGING, "prod": bill.PROD}


def terraform(pattern, path):
    return re.search(pattern, (MODULES / path).read_text(), re.S)[1]


class Reckons(unittest.TestCase):
    def test_an_idle_function_as_by_hand(self):
        costs = bill.items("lambda", 0)
        self.assertAlmostEqual(costs["load balancer"], 730 * 0.0225)
        self.assertAlmostEqual(costs["public addresses"], 2 * 730 * 0.005)
        self.assertAlmostEqual(costs["metrics"], 68 * 0.30)
        self.assertAlmostEqual(costs["table, storage"], 0.5 * (0.25 + 0.20))
        self.assertEqual((costs["table, requests"], costs["transfer out"]), (0, 0))
        self.assertNotIn("NAT", costs)

    def test_the_requests_of_a_function_as_by_hand(self):
        request = Request(reads=3, writes=2, received=500, sent=1500, function_ms=20, cpu_s=0.0002, function_log=2000)
        costs = {name: bill.items("lambda", 10, request=request)[name] for name in ("table, requests", "transfer out")}
        million = 10 * 730 * 3600 / 1e6
        self.assertAlmostEqual(costs["table, requests"], million * (3 * 0.125 + 2 * 0.625))
        self.assertAlmostEqual(costs["transfer out"], million * 1.5 * 0.09)
        idle = bill.items("lambda", 0, request=request)
        busy = bill.items("lambda", 10, request=request)
        self.assertAlmostEqual(busy["functions"] - idle["functions"], million * (0.20 + 0.010 * 16.66667), places=4)
        self.assertAlmostEqual(busy["logs"] - idle["logs"], million * 2 * (0.50 + 0.03 * 14 / 30))

    def test_three_tasks_as_by_hand(self):
        task = 730 * (0.25 * 0.04048 + 0.5 * 0.004445)
        self.assertAlmostEqual(bill.items("fargate", 0)["tasks"], 3 * task)
        spot = 730 * (0.25 * 0.016192 + 0.5 * 0.001778)
        three = dataclasses.replace(DEFAULT, api_min=3, fargate_spot=0.5)
        self.assertAlmostEqual(bill.items("fargate", 0, three)["tasks"], 3 * task + spot)

    def test_three_tasks_on_two_hosts_as_by_hand(self):
        costs = bill.items("ec2", 0, dataclasses.replace(DEFAULT, host_spot=1))
        self.assertAlmostEqual(costs["hosts"], 730 * (0.0416 + 0.0166))
        self.assertAlmostEqual(costs["hosts, volumes and metrics"], 2 * (30 * 0.08 + 7 * 0.30))

    def test_that_more_load_is_never_cheaper(self):
        price, request = bill.Prices(), bill.average_request()
        for target in TARGETS:
            amounts = [bill.total(target, rps, DEFAULT, request, price) for rps in (0, *cost.CURVE)]
            self.assertEqual(amounts, sorted(amounts), target)

    def test_that_no_option_but_a_cheaper_one_saves(self):
        saving = {"Fargate Spot, 80 % above the first", "tasks by CPU alone, not by requests"}
        for name, change in cost.OPTIONS.items():
            for target in TARGETS:
                for rps in (0, 100):
                    with self.subTest(f"{name}, {target}, {rps}"):
                        changed = dataclasses.replace(DEFAULT, **change)
                        added = bill.total(target, rps, changed) - bill.total(target, rps)
                        (self.assertLessEqual if name in saving else self.assertGreaterEqual)(round(added, 6), 0)

    def test_on_demand_first_and_rounded_in_its_favour(self):
        self.assertEqual(bill.split(1, 2, 0.8), (1, 0))
        self.assertEqual(bill.split(6, 1, 0.8), (2, 4))
        self.assertEqual(bill.split(7, 1, 0.8), (3, 4))
        self.assertEqual(bill.split(5, 0, 1), (0, 5))

    def test_tasks_by_what_wants_most(self):
        request = Request(reads=0, writes=0, received=0, sent=0, function_ms=0, cpu_s=0.001, function_log=0)
        self.assertEqual(bill.api_tasks(0, DEFAULT, request), 2)
        self.assertEqual(bill.api_tasks(100, DEFAULT, request), 6)
        by_cpu = dataclasses.replace(DEFAULT, requests_per_minute=float("inf"))
        self.assertEqual(bill.api_tasks(1000, by_cpu, request), 6)

    def test_where_two_lines_cross(self):
        def rising(rps):
            return 40 + rps

        def flat(_rps):
            return 100

        for first, second, gets_cheaper in ((rising, flat, True), (flat, rising, False)):
            ((load, cheaper),) = cost.crossings(first, second)
            self.assertAlmostEqual(load, 60)
            self.assertEqual(cheaper, gets_cheaper)
        self.assertEqual(cost.crossings(flat, lambda _rps: 101), [])


class Reads(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_cells_by_row_and_column(self):
        page = self.folder / "PAGE.md"
        page.write_text("| a | b |\n|---|---|\n| x | 1 |\n\n| a | c |\n|---|---|\n| x | 2,345.6 ms |\n")
        self.assertEqual(bill.cell(page, "x", "b"), "1")
        self.assertEqual(bill.number(bill.cell(page, "x", "c")), 2345.6)
        with self.assertRaisesRegex(Refused, "no row “y” with a column “b”"):
            bill.cell(page, "y", "b")
        with self.assertRaisesRegex(Refused, "does not begin with a number"):
            bill.number("none")

    def test_no_price_that_the_list_lacks(self):
        with self.assertRaisesRegex(Refused, "prices.json has no price gold: add it"):
            bill.Prices()("gold")

    def test_every_price_with_unit_source_and_a_date(self):
        prices = json.loads((bill.ROOT / "infra/tools/prices.json").read_text())
        self.assertRegex(prices["date"], r"^\d{4}-\d\d-\d\d$")
        for name, price in prices["prices"].items():
            with self.subTest(name):
                self.assertGreater(price["usd"], 0)
                self.assertTrue(price["unit"])
                self.assertRegex(price["source"], r"^https://aws\.amazon\.com/[a-z0-9/-]+/$")
                self.assertIn("confirmed", price)

    def test_no_price_without_use(self):
        used = set()

        class Watched(bill.Prices):
            def __call__(self, name):
                used.add(name)
                return super().__call__(name)

        everything = dataclasses.replace(bill.PROD, vaults=2, endpoints=7)
        for target in TARGETS:
            bill.items(target, 1, everything, price=Watched())
        self.assertEqual(used, set(Watched().list["prices"]))

    def test_the_defaults_of_the_modules(self):
        containers = terraform(r'variable "containers" {(.*?)\n}', "stack/variables.tf")
        size = r"\s+".join(rf"{name} += optional\(number, (\d+)\)" for name in ("cpu", "memory", "min"))
        api, worker = re.findall(size, containers)
        self.assertEqual([int(text) for text in api], [DEFAULT.task_cpu, DEFAULT.task_memory, DEFAULT.api_min])
        self.assertEqual([int(text) for text in worker], [DEFAULT.task_cpu, DEFAULT.task_memory, DEFAULT.workers])
        for pattern, path, ours in (
            (r'variable "az_count" {.*?default +=(.*?)\n', "network/variables.tf", DEFAULT.zones),
            (r"memory +=.optional\(number, (\d+)\)", "target-lambda/variables.tf", DEFAULT.function_memory),
            (r"requests_per_task = optional\(number, (\d+)\)", "stack/variables.tf", DEFAULT.requests_per_minute),
            (r"cpu +=.(70)", "stack/targets.tf", DEFAULT.cpu_percent),
            (r"scrape_interval += (\d+)000 / var.pace", "config/main.tf", DEFAULT.scrape_s),
            (r'variable "tasks_per_host" {.*?default +=(.*?)\n', "ec2-capacity/variables.tf", DEFAULT.tasks_per_host),
            (r'variable "on_demand_base" {.*?default +=(.*?)\n', "ec2-capacity/variables.tf", DEFAULT.host_base),
            (r'variable "spot_percent" {.*?default +=(.*?)\n', "ec2-capacity/variables.tf", 100 * DEFAULT.host_spot),
            (r'variable "volume_gb" {.*?default +=(.*?)\n', "ec2-capacity/variables.tf", DEFAULT.volume_gb),
            (r'"fargate" {.*?spot_percent +=.optional\(number, (\d+)\)', "stack/variables.tf", DEFAULT.fargate_spot),
            (r'"fargate" {.*?on_demand_base = optional\(number, (\d+)\)', "stack/variables.tf", DEFAULT.fargate_base),
        ):
            with self.subTest(pattern):
                self.assertEqual(float(terraform(pattern, path)), ours)
        # Or each call of a function would be logged by Lambda too.
        self.assertEqual(terraform(r'system_log_level += "(\w+)"', "target-lambda/main.tf"), "WARN")

    def test_the_environments_as_their_files_say(self):
        for name, ours in ENVIRONMENTS.items():
            text = (bill.ROOT / f"infra/environments/{name}/main.tf").read_text()

            def said(pattern, default, text=text):
                found = re.search(pattern, text)
                return float(found[1]) if found else default

            with self.subTest(name):
                self.assertEqual(said(r"az_count = (\d+)", DEFAULT.zones), ours.zones)
                self.assertEqual(ours.zones if 'nat = "per_az"' in text else 1, ours.nat)
                self.assertEqual(said(r"api = { min = (\d+)", DEFAULT.api_min), ours.api_min)
                self.assertEqual(said(r"worker = { min = (\d+)", DEFAULT.workers), ours.workers)
                self.assertEqual(said(r"cache +=.{ nodes = (\d+)", 0), ours.cache_nodes)
                self.assertEqual(said(r"fargate +=.{ spot_percent = (\d+)", 0) / 100, ours.fargate_spot)
                self.assertEqual(said(r"fargate +=.{.*on_demand_base = (\d+)", DEFAULT.fargate_base), ours.fargate_base)
                self.assertEqual(said(r"ec2 +=.{.*on_demand_base = (\d+)", DEFAULT.host_base), ours.host_base)
                self.assertEqual(said(r"ec2 +=.{.*spot_percent = (\d+)", 80) / 100, ours.host_spot)
                for ask, has in (
                    ("waf = {", ours.firewall),
                    ("customer_managed_key = true", ours.key),
                    ("flow_logs = true", ours.flow_logs),
                    ('container_insights = "disabled"', not ours.insights),
                    ("backup = {}", ours.backups),
                ):
                    self.assertEqual(ask in text, has, ask)


class Writes(unittest.TestCase):
    def test_its_chapter_in_place_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as name:
            docs = pathlib.Path(name)
            for page in ("BENCHMARKS.md", "DATA.md"):
                (docs / page).write_text((bill.ROOT / "docs" / page).read_text())
            marks = "<!-- costs: rewritten by make cost -->", "<!-- /costs -->"
            (docs / "COST.md").write_text(f"# Before\n\n{marks[0]}\nof last year\n{marks[1]}\n\nafter\n")
            for _ in range(2):
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    cost.run(docs)
                self.assertEqual(printed.getvalue(), cost.table() + "\n")
                text = (docs / "COST.md").read_text()
                self.assertTrue(text.startswith(f"# Before\n\n{marks[0]}\nPrices of "))
                self.assertTrue(text.endswith(f".\n{marks[1]}\n\nafter\n"))
                self.assertNotIn("last year", text)
            picture = xml.etree.ElementTree.fromstring((docs / "cost.svg").read_text())
            self.assertEqual(len([path for path in picture.iter() if path.tag.endswith("path")]), 6)

    def test_nothing_where_the_marks_are_missing(self):
        for text in ("no marks", "<!-- /costs --> <!-- costs: rewritten by make cost -->"):
            with self.assertRaisesRegex(Refused, "docs/COST.md must have"):
                cost.between_marks(text, "costs", "new")

    def test_the_line_of_each_load(self):
        lines = cost.table().splitlines()
        self.assertEqual(lines[0], "rps lambda fargate ec2")
        self.assertEqual([line.split()[0] for line in lines[1:]], ["0", "1", "10", "100", "1000"])
        for line in lines[1:]:
            self.assertRegex(line, r"^\d+( \d+\.\d\d){3}$")

    def test_what_the_document_says_now(self):
        text = (bill.ROOT / "docs/COST.md").read_text()
        self.assertIn(cost.chapter(), text, "docs/COST.md is older than what it is made from: run make cost")
        self.assertEqual((bill.ROOT / "docs/cost.svg").read_text(), cost.figure())


if __name__ == "__main__":
    unittest.main()
