"""What the tests of the switch have in common."""

import unittest

from world import World

from contact_manager_infra.traffic import all_on


class SwitchCase(unittest.TestCase):
    def world(self, **options):
        return World(self, **options)

    def assert_settled(self, world, target):
        """One side is there, has all traffic, and nothing is unfinished."""
        self.assertEqual(world.traffic(), {"live": target, "weights": all_on(target), "standby": [], "desired": {}})
        self.assertEqual(world.weights(), [all_on(target)] * 2)
        self.assertEqual(world.sides, {target})
        self.assertEqual(world.wrongs, [])
