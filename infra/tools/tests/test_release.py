import itertools
import json
import shutil
import signal
import unittest
from unittest import mock

from account import BUCKET, IMAGE, PARAMETER
from running import AT_ONCE, setUpModule, until  # noqa: F401
from world import Failure, World

OTHER = "example.com/contact-manager@sha256:" + "1" * 64


class Case(unittest.TestCase):
    def deploy(self, world, *arguments, before=None):
        return world.run("deploy", "--yes=1", *AT_ONCE, *arguments, before=before)


class ReleasesFunctions(Case):
    def world(self):
        world = World(self)
        world.package(2)
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
        for share, blame in itertools.product((0.1, 0.5, 1), ("version", "target", "balancer")):
            with self.subTest(f"{blame} at {share}"):
                world = self.world()

                def look(name, _parameters):
                    if name == "GetMetricData" and world.alias() == (("2", {}) if share == 1 else ("1", {"2": share})):
                        if blame == "version":
                            world.function_errors("2")
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

    def test_and_goes_back_at_the_first_error_where_the_alias_refuses_weights(self):
        world = self.world()

        def look(name, parameters):
            weights = parameters.get("RoutingConfig", {}).get("AdditionalVersionWeights")
            if name == "UpdateAlias" and weights and parameters["FunctionName"].endswith("api"):
                # As with provisioned concurrency; moto takes them.
                refused = {"Error": {"Code": "InvalidParameterValueException", "Message": "provisioned"}}
                raise world.aws("lambda").exceptions.InvalidParameterValueException(refused, name)
            if name == "GetMetricData" and world.alias() == ("2", {}):
                world.function_errors("2")

        result = self.deploy(world, before=look)
        self.assertEqual(result.code, 3, result)
        self.assertIn("contact-manager-dev-api moves in one step", result.text)
        self.assertIn("errors of contact-manager-dev-api version 2, at 10 % of the calls", result.text)
        self.assertEqual(world.alias(), ("1", {}))

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
        world.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Overwrite=True)
        world.package(2)

        def look(name, _parameters):
            assert name != "GetMetricData"

        result = self.deploy(world, before=look)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(world.alias(), ("2", {}))


class ReplacesContainers(Case):
    def test_and_blames_ecs_for_no_trouble_of_terraforms(self):
        world = World(self, live="fargate")

        def fails_before_the_service(command, _plan):
            if command == "apply":
                world.define("fargate", "api")
                raise Failure("the firewall could not be changed")

        world.before_terraform = fails_before_the_service
        result = self.deploy(world, f"--image={OTHER}")
        self.assertEqual(result.code, 1, result)
        self.assertNotIn("went back", result.text)

    def test_and_tells_why_ecs_went_back_to_the_old_ones(self):
        for fails in (True, False):
            with self.subTest("terraform fails" if fails else "terraform does not notice"):
                world = World(self, live="fargate")

                def circuit_breaker(command, _plan):
                    if command == "apply":
                        world.define("fargate", "api")
                        world.go_back("fargate", "api")
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

    def test_and_back_where_the_new_ones_answer_with_errors(self):
        for live, blame in itertools.product(("fargate", "ec2"), ("target", "balancer")):
            with self.subTest(f"{blame} of {live}"):
                world = World(self, live=live)

                def look(name, _parameters):
                    if name == "GetMetricData":
                        world.errors(live) if blame == "target" else world.balancer_errors()

                result = self.deploy(world, f"--image={OTHER}", before=look)
                self.assertEqual(result.code, 3, result)
                self.assertIn("at 100 % of the calls; ", result.text)
                for service in ("api", "worker"):
                    self.assertIn(f"revision 1 of contact-manager-dev-{live}-{service}", result.text)
                self.assertEqual((world.images(live), world.image, world.lock()), ({IMAGE}, IMAGE, None))

    def test_and_looks_at_them_only_where_they_have_traffic(self):
        world = World(self)
        traffic = {**world.initial(), "standby": ["fargate"]}
        world.apply({"traffic": traffic, "destroy": False})
        world.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Overwrite=True)

        def look(name, _parameters):
            assert name != "GetMetricData"

        self.assertEqual(self.deploy(world, f"--image={OTHER}", before=look).code, 0)
        self.assertEqual(world.images("fargate"), {OTHER})

    def test_and_back_when_it_is_interrupted_while_it_looks(self):
        world = World(self, live="fargate")
        looks = world.folder / "looks"

        def look(name, _parameters):
            if name == "GetMetricData":
                looks.touch()

        command = world.start("deploy", "--yes=1", *AT_ONCE, "--step=1h", f"--image={OTHER}", before=look)
        until(looks.exists)
        command.kill(signal.SIGTERM)
        result = command.wait()
        self.assertEqual(result.code, 128 + signal.SIGTERM, result)
        self.assertIn("revision 1 of contact-manager-dev-fargate-api", result.text)
        self.assertEqual(world.images("fargate"), {IMAGE})

    def test_and_all_of_them_back_where_ecs_took_back_one(self):
        world = World(self, live="fargate")
        world.given_up = "api"
        result = self.deploy(world, f"--image={OTHER}")
        self.assertEqual(result.code, 3, result)
        self.assertIn("fargate's api went back from revision 2 to 1", result.text)
        self.assertEqual((world.images("fargate"), world.image), ({IMAGE}, IMAGE))

    def test_and_leaves_no_revision_behind_that_it_went_back_to(self):
        world = World(self, live="fargate")

        def look(name, _parameters):
            if name == "GetMetricData":
                world.errors("fargate")

        self.assertEqual(self.deploy(world, f"--image={OTHER}", before=look).code, 3)
        self.assertEqual(self.deploy(world).code, 0)
        self.assertEqual(world.images("fargate"), {IMAGE})
        active = world.aws("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
        self.assertEqual(sorted(active), sorted(world.owned.values()))


class PutsOnRecord(Case):
    """What was deployed before, when a release went back."""

    def failed(self):
        world = World(self)
        world.package(2)

        def look(name, _parameters):
            if name == "GetMetricData":
                world.function_errors("2")

        old = world.zips
        result = self.deploy(world, f"--image={OTHER}", before=look)
        self.assertEqual(result.code, 3, result)
        self.assertIn("on record is what was deployed before", result.text)
        # As on another machine.
        shutil.rmtree(world.folder / "dist")
        shutil.rmtree(world.dev / ".terraform", ignore_errors=True)
        return world, old

    def test_so_that_it_is_named_and_nothing_else_was_changed(self):
        world, old = self.failed()
        self.assertEqual((world.zips, world.image), (old, IMAGE))
        self.assertNotEqual(world.published, old)
        self.assertEqual([command for command, _ in world.commands], ["plan", "apply"] * 2)

    def test_so_that_a_plain_deploy_brings_it(self):
        world, old = self.failed()
        result = self.deploy(world)
        self.assertEqual(result.code, 0, result)
        self.assertEqual((world.published, world.zips, world.image), (old, old, IMAGE))
        self.assertEqual(world.alias(), ("3", {}))

    def test_so_that_a_switch_does_not_move_what_failed(self):
        world, _old = self.failed()
        refused = world.switch("fargate")
        self.assertEqual(refused.code, 4, refused)
        self.assertIn("run make deploy ENV=dev first", refused.text)
        self.assertEqual(self.deploy(world).code, 0)
        self.assertEqual(world.switch("fargate").code, 0)
        self.assertEqual(world.images("fargate"), {IMAGE})

    def test_so_that_drift_tells_of_it_until_then(self):
        world, _old = self.failed()
        self.assertEqual(world.run("plan", "--drift=1").code, 5)
        self.assertEqual(self.deploy(world).code, 0)
        self.assertEqual(world.run("plan", "--drift=1").code, 0)

    def test_and_says_so_if_that_fails(self):
        world = World(self)
        world.package(2)

        def fail(command, plan):
            if plan.get("refresh_only"):
                raise Failure("the state is not to be had")

        def look(name, _parameters):
            if name == "GetMetricData":
                world.function_errors("2")

        world.before_terraform = fail
        result = self.deploy(world, before=look)
        self.assertEqual(result.code, 3, result)
        self.assertIn("stays on record as what was deployed: name another by IMAGE= and ZIP=", result.text)
        self.assertIsNone(world.lock())


class Prunes(Case):
    def kept(self, world):
        found = world.aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="release/").get("Contents", [])
        return {each["Key"] for each in found}

    def release(self, world, code):
        world.package(code)
        self.assertEqual(self.deploy(world).code, 0)
        return {f"release/{name.rpartition('/')[2]}" for name in world.zips.values()}

    def test_all_zips_but_those_deployed_now_and_before(self):
        with mock.patch("contact_manager_infra.zips.SPARE", 0):
            for live in ("lambda", "fargate"):
                with self.subTest(live):
                    world = World(self, live=live)
                    self.release(world, 2)
                    third, fourth = self.release(world, 3), self.release(world, 4)
                    self.assertEqual(self.kept(world), third | fourth)

    def test_no_more_than_ten_releases_beside_them_and_nothing_else_in_the_bucket(self):
        world = World(self)
        strangers = [f"release/{number:064x}.zip" for number in range(25)]
        for key in (*strangers, "exports/contacts.zip"):
            world.aws("s3").put_object(Bucket=BUCKET, Key=key, Body=b"")
        first = self.kept(world) - set(strangers)
        second = self.release(world, 2)
        kept = self.kept(world)
        self.assertEqual((kept >= first | second, len(kept)), (True, 24))
        world.aws("s3").head_object(Bucket=BUCKET, Key="exports/contacts.zip")

    def test_nothing_after_a_release_that_went_back(self):
        world = World(self)
        world.package(2)
        before = self.kept(world)

        def look(name, _parameters):
            assert name != "DeleteObject"
            if name == "GetMetricData":
                world.function_errors("2")

        with mock.patch("contact_manager_infra.zips.SPARE", 0):
            self.assertEqual(self.deploy(world, before=look).code, 3)
        self.assertGreaterEqual(self.kept(world), before)

    def test_and_is_done_even_if_that_fails(self):
        world = World(self)
        world.package(2)

        def look(name, _parameters):
            if name == "ListObjectsV2":
                raise world.aws("s3").exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, name)

        result = self.deploy(world, before=look)
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"old zips could not be deleted from {BUCKET}", result.text)


if __name__ == "__main__":
    unittest.main()
