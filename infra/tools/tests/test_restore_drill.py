import signal
import unittest
from unittest import mock

from account import TABLE
from running import setUpModule, until  # noqa: F401
from world import World

COPY = f"{TABLE}-restore-drill"

# What the worker's operator commands are to the drill: they say which table they were given.
CHECKER = """#!/bin/bash
echo "$1 of $CONTACTS_TABLE in $AWS_REGION with ${{CONTACTS_QUEUE_URL:-no queue}}" >> {folder}/asked
[ "$1" = "{slow}" ] && exec sleep 100
[ "$1" != "{fails}" ]
"""


class Case(unittest.TestCase):
    def world(self, fails="", slow=""):
        world = World(self)
        world.dynamodb = world.aws("dynamodb")
        world.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        for number in range(30):
            # Large enough for two pages of a scan.
            item = {"pk": {"S": "C"}, "sk": {"S": f"{number}"}, "text": {"S": "x" * 50_000}}
            world.dynamodb.put_item(TableName=TABLE, Item=item)
        world.checker = world.folder / "checker"
        world.checker.write_text(CHECKER.format(folder=world.folder, fails=fails, slow=slow))
        world.checker.chmod(0o755)
        return world

    def drill(self, world, *arguments, before=None):
        return self.start(world, *arguments, before=before).wait()

    def start(self, world, *arguments, before=None):
        options = ("--yes=1", "--look=0", f"--checker={world.checker}", *arguments)
        return world.start("restore-drill", *options, before=before)

    def assert_swept(self, world):
        """The table is there with all that it had, and nothing else is."""
        self.assertEqual(world.dynamodb.list_tables()["TableNames"], [TABLE])
        self.assertEqual(world.dynamodb.describe_table(TableName=TABLE)["Table"]["ItemCount"], 30)
        self.assertEqual(world.dynamodb.list_backups(TableName=TABLE)["BackupSummaries"], [])


class BringsATableBack(Case):
    def test_under_another_name_checks_it_and_leaves_nothing_behind(self):
        world = self.world()
        result = self.drill(world)
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"this backs up the table {TABLE} (30 items, ", result.text)
        self.assertRegex(result.text, r"done: items=30 backup_s=\d+ restore_s=\d+ check_s=\d+")
        asked = (world.folder / "asked").read_text().splitlines()
        self.assertEqual(asked, [f"{what} of {COPY} in us-east-1 with no queue" for what in ("begin-epoch", "check")])
        self.assert_swept(world)

    def test_without_a_word_to_the_table_itself_but_reads(self):
        world = self.world()
        path = world.folder / "calls"

        def note(name, parameters):
            if TABLE in parameters.values():
                with open(path, "a") as file:
                    file.write(f"{name}\n")

        self.assertEqual(self.drill(world, before=note).code, 0)
        reads = {"DescribeTable", "Scan", "CreateBackup", "ListBackups"}
        self.assertEqual(set(path.read_text().split()), reads)

    def test_that_was_lost_for_good_where_a_simulator_has_it(self):
        world = self.world()
        lost = world.folder / "lost"

        def look(name, parameters):
            if name == "RestoreTableFromBackup":
                lost.write_text(f"{world.dynamodb.list_tables()['TableNames']}")

        result = self.drill(world, "--lose=1", before=look)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(lost.read_text(), "[]")
        self.assertIn(f"check of {TABLE} in", (world.folder / "asked").read_text())
        self.assert_swept(world)

    def test_and_never_loses_one_on_aws(self):
        world = self.world()
        with mock.patch("contact_manager_infra.restore_drill._is_simulator", lambda _: False):
            result = self.drill(world, "--lose=1")
        self.assertEqual(result.code, 4, result)
        self.assertIn("a table is lost on a simulator of this machine alone", result.text)
        self.assert_swept(world)

    def test_and_says_so_when_the_checker_finds_something(self):
        for command in ("begin-epoch", "check"):
            with self.subTest(command):
                world = self.world(fails=command)
                result = self.drill(world)
                self.assertEqual(result.code, 1, result)
                self.assertIn(f"{command} of {COPY} ended with 1", result.text)
                self.assert_swept(world)

    def test_and_says_so_when_items_are_missing(self):
        world = self.world()

        def lose_one(name, parameters):
            if name == "Scan" and parameters["TableName"] == COPY:
                world.aws("dynamodb").delete_item(TableName=COPY, Key={"pk": {"S": "C"}, "sk": {"S": "7"}})

        result = self.drill(world, before=lose_one)
        self.assertEqual(result.code, 1, result)
        self.assertIn(f"{COPY} has 29 items; {TABLE} had 30 before the backup, 30 after it", result.text)
        self.assert_swept(world)


class SweepsUp(Case):
    def test_what_a_drill_left_that_was_killed_before_any_of_its_writes(self):
        world = self.world()
        for last in ("CreateBackup", "RestoreTableFromBackup", "DeleteTable", "DeleteBackup"):
            with self.subTest(last):

                def kill(name, _parameters):
                    if name == last:
                        signal.raise_signal(signal.SIGKILL)

                self.assertEqual(self.drill(world, before=kill).code, -signal.SIGKILL)
                self.assertEqual(self.drill(world).code, 0)
                self.assert_swept(world)

    def test_after_a_signal(self):
        world = self.world(slow="check")
        command = self.start(world)
        until(lambda: (world.folder / "asked").exists() and "check" in (world.folder / "asked").read_text())
        command.kill(signal.SIGTERM)
        result = command.wait()
        self.assertEqual(result.code, 128 + signal.SIGTERM, result)
        self.assert_swept(world)


class Refuses(Case):
    def test_a_second_one_at_the_same_time(self):
        world = self.world(slow="check")
        first = self.start(world)
        until(lambda: (world.folder / "asked").exists() and "check" in (world.folder / "asked").read_text())
        second = self.drill(world)
        self.assertEqual(second.code, 4, second)
        self.assertIn("holds the lock for restore-drill", second.text)
        first.kill(signal.SIGTERM)
        first.wait()

    def test_to_begin_without_a_yes_or_a_checker(self):
        world = self.world()
        self.assertEqual(self.drill(world, "--yes=").code, 4)
        self.assertIn("there is no program /nowhere", self.drill(world, "--checker=/nowhere").text)
        self.assert_swept(world)


if __name__ == "__main__":
    unittest.main()
