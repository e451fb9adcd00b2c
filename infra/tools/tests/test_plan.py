import unittest

from running import setUpModule  # noqa: F401
from world import Failure, World


def recorded(world):
    """What Terraform is called with."""
    calls, answer = [], world.terraform

    def record(arguments, defaults):
        calls.append(arguments)
        return answer(arguments, defaults)

    world.terraform = record
    return calls


class Plans(unittest.TestCase):
    def test_tell_what_a_deploy_would_do_and_do_none_of_it(self):
        world = World(self, deployed=False)
        result = world.run("plan")
        self.assertEqual(result.code, 0, result)
        self.assertIn("dev: this creates ", result.text)
        self.assertEqual([command for command, _variables in world.commands], ["plan"])

    def test_take_no_lock_because_who_reads_cannot(self):
        world = World(self)
        calls = recorded(world)
        self.assertEqual(world.run("plan").code, 0)
        (plan,) = [call for call in calls if call[0] == "plan"]
        self.assertIn("-lock=false", plan)
        self.assertFalse([option for option in plan if option.startswith("-lock-timeout")])
        self.assertIsNone(world.lock())

    def test_say_so_when_there_is_nothing_to_do(self):
        result = World(self).run("plan")
        self.assertEqual(result.code, 0, result)
        self.assertIn("dev is as planned", result.text)

    def test_fail_when_terraform_does(self):
        world = World(self)

        def fail(_command, _plan):
            raise Failure("no such bucket")

        world.before_terraform = fail
        self.assertEqual(world.run("plan").code, 1)


class Drift(unittest.TestCase):
    def test_ends_with_5_when_there_is_anything_to_do(self):
        world = World(self)
        world.outputs_change = True
        result = world.run("plan", "--drift=1")
        self.assertEqual(result.code, 5, result)
        self.assertIn("plan found a difference: dev: this changes outputs", result.text)

    def test_ends_with_0_when_there_is_not(self):
        self.assertEqual(World(self).run("plan", "--drift=1").code, 0)


if __name__ == "__main__":
    unittest.main()
