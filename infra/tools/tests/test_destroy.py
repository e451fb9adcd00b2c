import unittest

from world import Failure, World, setUpModule  # noqa: F401


class Destroys(unittest.TestCase):
    def test_an_environment_whose_name_was_typed(self):
        world = World(self)
        result = world.run("destroy", stdin="dev\n")
        self.assertEqual(result.code, 0, result)
        self.assertIn("dev in account 123456789012, us-east-1: this deletes 3 resources, and ", result.text)
        self.assertIn("with table contact-manager-dev every contact in it", result.text)
        self.assertIn("These stay: kms key contacts (for 30 days).", result.text)
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

    def test_all_but_what_is_protected_and_says_so(self):
        world = World(self)
        world.protected = True

        def protect(command, _plan):
            if command == "apply":
                world.remaining = ("aws_dynamodb_table.this", "aws_kms_key.this")
                raise Failure("deletion protection")

        self.only(world, protect)
        result = world.run("destroy", "--yes=1")
        self.assertEqual(result.code, 0, result)
        self.assertIn("dynamodb table contact-manager-dev (deletion protection)", result.text)
        self.assertIn("dev is gone, all but dynamodb table contact-manager-dev, kms key contacts and", result.text)

    def test_not_and_names_what_is_left_when_something_else_fails(self):
        world = World(self)

        def fail(command, _plan):
            if command == "apply":
                world.remaining = ("aws_lb.this",)
                raise Failure("it is in use")

        self.only(world, fail)
        result = world.run("destroy", "--yes=1")
        self.assertEqual(result.code, 1, result)
        self.assertIn("left of dev: aws_lb.this", result.text)

    def test_nothing_where_nothing_is_deployed(self):
        world = World(self, deployed=False)
        result = world.run("destroy", "--yes=1")
        self.assertEqual(result.code, 4, result)
        self.assertIn("dev is not deployed", result.text)

    def only(self, world, before_terraform):
        """The state holds what the failed apply left."""
        world.remaining, state = None, world._state
        world._state = lambda: [each for each in state() if not world.remaining or each["address"] in world.remaining]
        world.before_terraform = before_terraform


if __name__ == "__main__":
    unittest.main()
