import unittest

from account import BUCKET
from contact_manager_infra import destroy
from running import setUpModule  # noqa: F401
from world import Failure, World


class Announces(unittest.TestCase):
    def test_a_backup_of_the_table_for_as_long_as_its_key_can_be_brought_back(self):
        recovery = [{"enabled": True}]
        key = {"type": "aws_kms_key", "values": {"arn": "arn:key", "description": "all", "deletion_window_in_days": 30}}
        for arn, said in (("arn:key", "(for 30 days, if you cancel the deletion of its key before)"), ("", "(for 35 days)")):
            table = {"name": "contacts", "point_in_time_recovery": recovery}
            table["server_side_encryption"] = [{"kms_key_arn": arn}]
            text = destroy.announce("prod", [key, {"type": "aws_dynamodb_table", "values": table}])
            self.assertIn(f"a backup of dynamodb table contacts {said}", text)


class Destroys(unittest.TestCase):
    def test_an_environment_whose_name_was_typed(self):
        world = World(self)
        result = world.run("destroy", stdin="dev\n")
        self.assertEqual(result.code, 0, result)
        self.assertIn("dev in account 123456789012, us-east-1: this deletes 4 resources, and ", result.text)
        self.assertIn("with table contact-manager-dev-contacts every contact in it", result.text)
        self.assertIn(
            "These stay: a backup of dynamodb table contact-manager-dev-contacts (for 35 days); "
            "kms key contacts (for 30 days).",
            result.text,
        )
        self.assertEqual(world.sides, set())
        self.assertIsNone(world.lock())

    def test_nothing_when_something_else_was_typed(self):
        world = World(self)
        for answer in ("", "y\n", "prod\n"):
            result = world.run("destroy", stdin=answer)
            self.assertEqual(result.code, 4, result)
        self.assertEqual(world.sides, {"lambda"})

    def test_an_environment_with_a_yes_but_production_with_its_name_alone(self):
        for environment, yes, code in (("dev", "1", 0), ("prod", "1", 4), ("prod", "prod", 0), ("dev", "0", 4)):
            with self.subTest(f"{environment} YES={yes}"):
                world = World(self)
                result = world.run("destroy", f"--env={environment}", f"--yes={yes}")
                self.assertEqual(result.code, code, result)
                self.assertEqual(world.sides, {"lambda"} if code else set())

    def test_nothing_that_is_protected_and_says_how_to_lift_that(self):
        world = World(self)
        world.protected = True
        commands = len(world.commands)
        result = world.run("destroy", "--yes=1")
        self.assertEqual(result.code, 4, result)
        self.assertIn(
            "dev is protected, and nothing was touched: dynamodb table contact-manager-dev-contacts has deletion "
            "protection; s3 bucket contact-manager-dev-objects is not empty. To lift that, set deletion_protection = "
            "false in infra/environments/dev/main.tf and run make deploy ENV=dev; then run this again",
            result.text,
        )
        self.assertEqual([command for command, _variables in world.commands[commands:]], ["plan"])
        self.assertEqual((world.sides, world.lock()), ({"lambda"}, None))

    def test_an_empty_bucket_whatever_was_said_of_a_full_one(self):
        world = World(self)
        world.protected = True
        for version in world.aws("s3").list_object_versions(Bucket=BUCKET)["Versions"]:
            world.aws("s3").delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
        self.assertNotIn("s3 bucket", world.run("destroy", "--yes=1").text)

    def test_not_and_names_what_is_left_when_something_else_fails(self):
        world = World(self)

        def fail(command, _plan):
            if command == "apply":
                world.remaining = ("aws_lb.this",)
                raise Failure("it is in use")

        world.remaining, state, world.before_terraform = None, world._state, fail
        world._state = lambda: [each for each in state() if not world.remaining or each["address"] in world.remaining]
        result = world.run("destroy", "--yes=1")
        self.assertEqual(result.code, 1, result)
        self.assertIn("left of dev: aws_lb.this", result.text)

    def test_nothing_where_nothing_is_deployed(self):
        world = World(self, deployed=False)
        result = world.run("destroy", "--yes=1")
        self.assertEqual(result.code, 4, result)
        self.assertIn("dev is not deployed", result.text)


if __name__ == "__main__":
    unittest.main()
