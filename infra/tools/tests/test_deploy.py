import json
import signal
import unittest

from world import AT_ONCE, Failure, World, setUpModule, until  # noqa: F401


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
        for name in ("api-lambda.zip", "worker-lambda.zip"):
            (world.folder / name).touch()
        self.deploy(world, "--image=other@sha256:1", f"--zip={world.folder}")
        self.deploy(world)
        (_, given), (_, default) = world.commands
        self.assertEqual(given["image"], "other@sha256:1")
        self.assertEqual(given["zips"], '{"api": "../../api-lambda.zip", "worker": "../../worker-lambda.zip"}')
        self.assertIn("contact-manager@sha256", default["image"])

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

    def test_without_moving_traffic_in_the_middle_of_a_switch_that_was_interrupted(self):
        world = World(self)
        command = world.start("switch", "--to=fargate", "--yes=1", *AT_ONCE, "--drain=0", "--step=1h")
        until(lambda: world.traffic()["weights"]["fargate"] == 10)
        command.kill()
        command.wait()
        weights, world.code = world.weights(), 2
        self.assertEqual(self.deploy(world).code, 0)
        self.assertEqual(world.weights(), weights)
        self.assertEqual(world.sides, {"lambda", "fargate"})


class ReleasesFunctions(Case):
    def world(self):
        world = World(self)
        world.code = 2
        return world

    def test_by_10_50_and_100_per_cent_of_the_alias(self):
        world = self.world()
        path = world.folder / "shares"

        def look(name, parameters):
            if name == "UpdateAlias" and parameters["FunctionName"].endswith("api"):
                with open(path, "a") as file:
                    file.write(
                        f"{parameters['FunctionVersion']} {parameters['RoutingConfig']['AdditionalVersionWeights']}\n"
                    )

        result = self.deploy(world, before=look)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(path.read_text().splitlines(), ["1 {'2': 0.1}", "1 {'2': 0.5}", "2 {}"])
        for name in ("api", "worker"):
            self.assertEqual(world.alias(f"contact-manager-dev-{name}"), ("2", {}))

    def test_and_goes_back_at_the_first_error_at_any_weight(self):
        for share, blame in ((0.1, "version"), (0.5, "target"), (1, "balancer")):
            with self.subTest(f"{blame} at {share}"):
                world = self.world()

                def look(name, _parameters):
                    if name == "GetMetricData" and world.alias() == (("2", {}) if share == 1 else ("1", {"2": share})):
                        if blame == "version":
                            world.version_errors("2")
                        elif blame == "target":
                            world.errors("lambda")
                        else:
                            world.balancer_errors()

                result = self.deploy(world, before=look)
                self.assertEqual(result.code, 3, result)
                self.assertIn(f"at {share * 100:g} % of the calls", result.text)
                self.assertIn("version 1 of contact-manager-dev-api", result.text)
                for name in ("api", "worker"):
                    self.assertEqual(world.alias(f"contact-manager-dev-{name}"), ("1", {}))
                self.assertIsNone(world.lock())

    def test_again_when_it_was_killed_in_the_middle(self):
        world = self.world()
        command = world.start("deploy", "--yes=1", *AT_ONCE, "--step=1h")
        until(lambda: world.alias("contact-manager-dev-worker") == ("1", {"2": 0.1}))
        command.kill()
        command.wait()
        self.assertEqual(self.deploy(world).code, 0)
        self.assertEqual(world.alias(), ("2", {}))

    def test_not_when_it_is_interrupted(self):
        world = self.world()
        command = world.start("deploy", "--yes=1", *AT_ONCE, "--step=1h")
        until(lambda: world.alias("contact-manager-dev-worker") == ("1", {"2": 0.1}))
        command.kill(signal.SIGTERM)
        result = command.wait()
        self.assertEqual(result.code, 128 + signal.SIGTERM, result)
        self.assertIn("version 1 of contact-manager-dev-api", result.text)
        self.assertEqual(world.alias(), ("1", {}))
        self.assertIsNone(world.lock())

    def test_in_one_step_where_they_have_no_traffic_to_look_at(self):
        world = World(self, live="fargate")
        traffic = {**world.initial(), "standby": ["lambda"]}
        world.apply({"traffic": traffic, "destroy": False})
        world.aws("ssm").put_parameter(Name="/contact-manager/dev/traffic", Value=json.dumps(traffic), Overwrite=True)
        world.code = 2

        def look(name, _parameters):
            assert name != "GetMetricData"

        result = self.deploy(world, before=look)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(world.alias(), ("2", {}))


class ReplacesContainers(Case):
    def test_and_tells_why_ecs_went_back_to_the_old_ones(self):
        for fails in (True, False):
            with self.subTest("terraform fails" if fails else "terraform does not notice"):
                world = World(self, live="fargate")
                world.code = 2

                def circuit_breaker(command, _plan):
                    if command == "apply":
                        world.define("fargate", "api")
                        if fails:
                            raise Failure("the new tasks of api did not stay up")

                world.before_terraform = circuit_breaker
                world._changes = lambda plan: [
                    {
                        "address": "aws_ecs_service.api",
                        "type": "aws_ecs_service",
                        "mode": "managed",
                        "change": {"actions": ["update"]},
                    }
                ]
                result = self.deploy(world)
                self.assertEqual(result.code, 3, result)
                self.assertIn("fargate's api went back from revision 2 to 1", result.text)
                self.assertIsNone(world.lock())

    def test_and_waits_until_they_are_steady(self):
        world = World(self, live="fargate", deployed=False)
        world.tasks = 3
        world.apply({"traffic": world.initial(), "destroy": False})
        waiting = self.deploy(world)
        self.assertEqual(waiting.code, 1, waiting)
        self.assertIn("1 of 3 tasks of fargate's api run", waiting.text)


def _fail(_command, _plan):
    raise Failure("it cannot be done")


if __name__ == "__main__":
    unittest.main()
