import json
import shutil
import unittest

from account import BUCKET
from packages import zipped
from running import AT_ONCE, SWITCH_AT_ONCE, setUpModule, until  # noqa: F401
from world import Failure, World


class Case(unittest.TestCase):
    def deploy(self, world, *arguments, before=None):
        return world.run("deploy", "--yes=1", *AT_ONCE, *arguments, before=before)


class Deploys(Case):
    def test_an_empty_account_and_says_what_it_costs_and_deletes(self):
        world = World(self, live="fargate", deployed=False)
        result = self.deploy(world)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(world.sides, {"fargate"})
        self.assertIn("dev: this creates 1 of its resources.", result.text)
        self.assertIn("It is billed from now on for 1 service of tasks, and deletes nothing.", result.text)
        self.assertIn(f"dev answers at {world.url}", result.text)

    def test_nothing_without_a_yes(self):
        world = World(self, live="fargate", deployed=False)
        result = world.run("deploy", *AT_ONCE, stdin="no\n")
        self.assertEqual(result.code, 4, result)
        self.assertEqual(world.sides, set())
        self.assertEqual(world.run("deploy", *AT_ONCE, stdin="y\n").code, 0)

    def test_again_without_a_change(self):
        world = World(self)
        result = self.deploy(world)
        self.assertEqual(result.code, 0, result)
        self.assertIn("no resource to change", result.text)
        self.assertEqual([command for command, _variables in world.commands], ["plan"])
        self.assertIsNone(world.lock())

    def test_a_change_of_outputs_alone_without_a_question(self):
        world = World(self)
        world.outputs_change = True
        self.assertEqual(world.run("deploy", *AT_ONCE).code, 0)
        self.assertEqual([command for command, _variables in world.commands], ["plan", "apply"])

    def test_the_image_and_the_zips_that_it_is_given_and_else_those_deployed(self):
        world = World(self)
        self.deploy(world, "--image=other@sha256:1", f"--zip={world.folder / 'dist'}")
        for file in world.files.values():
            file.unlink()
        self.deploy(world)
        given, default = (variables for command, variables in world.commands if command == "plan")
        self.assertEqual(given["image"], "other@sha256:1")
        self.assertEqual((default["image"], default["zips"]), (given["image"], given["zips"]))

    def test_the_zips_that_it_gave_to_the_bucket_so_that_they_can_be_had_again(self):
        for live in ("lambda", "fargate"):
            with self.subTest(live):
                world = World(self, live=live, deployed=False)
                self.assertEqual(self.deploy(world).code, 0)
                self.assert_kept(world)
                world.package(2)
                self.assertEqual(self.deploy(world).code, 0)
                self.assert_kept(world)
                # Once more, and each is there but once.
                self.assertEqual(self.deploy(world).code, 0)
                kept = world.aws("s3").list_object_versions(Bucket=BUCKET)["Versions"]
                self.assertEqual(len(kept), 4)

    def assert_kept(self, world):
        for name, file in world.files.items():
            key = f"release/{world.zips[name].rpartition('/')[2]}"
            self.assertEqual(world.aws("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read(), file.read_bytes())

    def test_on_a_machine_that_has_no_zips_those_deployed(self):
        world = World(self)
        deployed = world.zips
        shutil.rmtree(world.folder / "dist")
        shutil.rmtree(world.dev / ".terraform")
        for command in ("plan", "deploy"):
            world.pending = {"aws_sqs_queue.jobs": "update"}
            result = world.run(command) if command == "plan" else self.deploy(world)
            self.assertEqual(result.code, 0, result)
            self.assertIn("dev: this changes 1 of its resources.", result.text)
        self.assertEqual((world.zips, world.alias()), (deployed, ("1", {})))

    def test_no_zip_for_another_architecture(self):
        world = World(self)
        for machine, said in ((183, "was built for arm64"), (243, "was built for machine 243")):
            world.package(2, machine)
            for command in ("plan", "deploy"):
                with self.subTest(f"{command} {said}"):
                    result = world.run("plan") if command == "plan" else self.deploy(world)
                    self.assertEqual(result.code, 4, result)
                    self.assertIn(
                        f"the zip of api {said}, and the environment wants x86_64: set architecture", result.text
                    )
        self.assertEqual(([command for command, _ in world.commands], world.lock()), (["plan"] * 4, None))

    def test_no_zip_without_a_program(self):
        world = World(self)
        for content in (
            b"",
            b"no zip",
            zipped({"other": "file"}),
            zipped({"bootstrap": "#!/bin/sh and more than 20 bytes"}),
        ):
            world.files["worker"].write_bytes(content)
            result = self.deploy(world)
            self.assertEqual(result.code, 4, result)
            self.assertIn("the zip of worker holds no program `bootstrap`", result.text)

    def test_no_zip_that_is_not_there(self):
        world = World(self)
        result = self.deploy(world, "--zip=/nowhere")
        self.assertEqual(result.code, 4, result)
        self.assertIn("there is no /nowhere/api-lambda.zip", result.text)

    def test_and_fails_with_terraform(self):
        world = World(self)
        world.before_terraform = _fail
        result = self.deploy(world)
        self.assertEqual(result.code, 1, result)
        self.assertIn("terraform plan failed in dev", result.text)
        self.assertIsNone(world.lock())

    def test_not_while_an_interrupted_switch_shares_the_traffic(self):
        world = World(self)
        interrupted(world, "fargate", lambda: world.traffic()["weights"]["fargate"] == 10, "--step=1h")
        weights, traffic = world.weights(), world.traffic()
        world.package(2)
        refused = self.deploy(world)
        self.assertEqual(refused.code, 4, refused)
        self.assertIn(
            "under way (lambda 90 %, fargate 10 %): finish it with make switch ENV=dev TO=fargate", refused.text
        )
        self.assertEqual((world.weights(), world.traffic()), (weights, traffic))
        self.assertEqual(world.switch("lambda").code, 0)
        self.assertEqual(self.deploy(world).code, 0)

    def test_to_both_sides_while_one_of_them_is_on_standby(self):
        world = World(self, live="fargate")
        interrupted(world, "lambda", lambda: world.traffic().get("switch", {}).get("step") == "standby", "--standby=1h")
        world.package(2)
        looks = world.folder / "looks"

        def look(name, _parameters):
            if name == "GetMetricData":
                looks.touch()

        result = self.deploy(world, before=look)
        self.assertEqual(result.code, 0, result)
        self.assertTrue(looks.exists(), "the side that is live was looked at")
        self.assertEqual((world.alias(), world.sides), (("2", {}), {"lambda", "fargate"}))
        self.assertEqual(world.switch("lambda").code, 0)

    def test_and_so_ends_a_switch_of_which_only_the_removal_was_left(self):
        world = World(self)

        def kill(command, plan):
            if command == "apply" and plan["traffic"]["switch"]["step"] == "remove":
                command_of_switch.kill()
                raise Failure("killed")

        world.before_terraform = kill
        command_of_switch = world.start("switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE)
        command_of_switch.wait()
        world.before_terraform = lambda command, plan: None
        self.assertEqual(world.sides, {"lambda", "fargate"})
        world.target = "fargate"
        result = self.deploy(world)
        self.assertEqual(result.code, 0, result)
        self.assertIn("the switch lambda -> fargate is over: fargate is live", result.text)
        self.assertEqual((world.sides, world.traffic().get("switch")), ({"fargate"}, None))


def interrupted(world, to, when, *arguments):
    """A switch that was killed at a certain point."""
    command = world.start("switch", f"--to={to}", "--yes=1", *SWITCH_AT_ONCE, *arguments)
    until(when)
    command.kill()
    command.wait()


def _fail(_command, _plan):
    raise Failure("it cannot be done")


if __name__ == "__main__":
    unittest.main()
