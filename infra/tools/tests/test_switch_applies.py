import base64
import json
import shutil
import signal
import unittest

from account import BUCKET, PARAMETER
from cases import SwitchCase
from running import AT_ONCE, SWITCH_AT_ONCE, setUpModule, until  # noqa: F401
from world import Failure, World

from contact_manager_infra import zips
from contact_manager_infra.traffic import all_on


class AppliesNothingElse(SwitchCase):
    """Somebody has changed what has nothing to do with the switch."""

    PENDING = {"aws_sqs_queue.jobs": "update", "aws_route53_record.name": "delete"}
    LIST = "aws_route53_record.name (delete), aws_sqs_queue.jobs (update)"

    def assert_refused(self, result, code=4):
        self.assertEqual(result.code, code, result)
        self.assertIn(f"a switch applies nothing else: {self.LIST}; run make deploy ENV=dev first", result.text)

    def deploy(self, world):
        result = world.run("deploy", "--yes=1", *AT_ONCE)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(world.pending, {})

    def test_and_does_not_begin_with_a_change_that_waits(self):
        world = self.world()
        world.pending, before = dict(self.PENDING), world.traffic()

        def no_write(name, parameters):
            assert name != "ModifyRule" and not (name == "PutParameter" and parameters["Name"] == PARAMETER)

        self.assert_refused(world.switch("fargate", before=no_write))
        self.assertEqual((world.traffic(), world.sides, world.lock()), (before, {"lambda"}, None))
        self.deploy(world)
        self.assertEqual(world.switch("fargate").code, 0)

    def test_and_does_not_go_on_with_one_but_can_be_taken_back(self):
        for way in ("deployed", "taken back"):
            with self.subTest(way):
                world = self.world(live="fargate")
                self.killed_while_it_builds(world)
                world.pending = dict(self.PENDING)
                refused = world.switch("ec2")
                self.assert_refused(refused)
                self.assertIn("or take the switch back with TO=fargate", refused.text)
                self.assertEqual(world.pending, self.PENDING)
                if way == "deployed":
                    self.deploy(world)
                    self.assertEqual(world.switch("ec2").code, 0)
                    self.assert_settled(world, "ec2")
                    continue
                # The traffic is back at once; the new side goes when the change is out of the way.
                self.assert_refused(world.switch("fargate"), code=3)
                self.assertEqual((world.weights()[0], world.pending), (all_on("fargate"), self.PENDING))
                self.deploy(world)
                self.assertEqual(world.switch("fargate").code, 0)
                self.assert_settled(world, "fargate")

    def test_and_goes_on_where_only_its_own_changes_are_left(self):
        world = self.world(live="fargate")
        self.killed_while_it_builds(world)
        # Half of it was built: the old side's minimum is raised already.
        world.minimum["fargate"] = {"api": 1, "worker": 1}
        self.assertEqual(world.switch("ec2").code, 0)
        self.assert_settled(world, "ec2")

    def test_and_leaves_the_old_side_on_standby_when_one_has_come_up_meanwhile(self):
        world = self.world()
        self.pend(world, lambda plan: plan["traffic"].get("switch", {}).get("step") == "standby")
        self.assert_refused(world.switch("fargate"), code=1)
        self.assertEqual((world.sides, world.pending), ({"lambda", "fargate"}, self.PENDING))
        self.assertEqual((world.traffic()["standby"], world.traffic()["switch"]["step"]), (["lambda"], "standby"))
        world.before_terraform = lambda command, plan: None
        self.deploy(world)
        self.assertEqual(world.switch("fargate").code, 0)
        self.assert_settled(world, "fargate")

    def test_and_removes_nothing_more_when_one_has_come_up_in_the_middle_of_the_removal(self):
        for live in ("lambda", "fargate"):
            with self.subTest(live):
                world = self.world(live=live)
                self.killed(world, "apply", lambda plan: plan["traffic"]["switch"]["step"] == "remove")
                world.pending = dict(self.PENDING)
                self.assert_refused(world.switch("ec2"), code=1)
                self.assertEqual(world.pending, self.PENDING)
                world.target = "ec2"
                self.deploy(world)
                self.assert_settled(world, "ec2")

    def killed_while_it_builds(self, world):
        self.killed(world, "apply", lambda plan: plan["traffic"]["switch"]["step"] == "prepare")

    def killed(self, world, command, when):
        def kill(now, plan):
            if now == command and when(plan):
                switch.kill()
                raise Failure("killed")

        world.before_terraform = kill
        switch = world.start("switch", "--to=ec2", "--yes=1", *SWITCH_AT_ONCE)
        self.assertEqual(switch.wait().code, -signal.SIGKILL)
        world.before_terraform = lambda command, plan: None

    def pend(self, world, when):
        """A change comes up as soon as that is so."""

        def change(_command, plan):
            if when(plan):
                world.pending = dict(self.PENDING)

        world.before_terraform = change


class MovesWhatWasDeployed(SwitchCase):
    def assert_deployed(self, world, deployed):
        self.assertEqual(world.switch("lambda").code, 0)
        function = world.aws("lambda").get_function(FunctionName="contact-manager-dev-api")["Configuration"]
        self.assertEqual(base64.b64decode(function["CodeSha256"]).hex(), deployed["api"].rpartition("/")[2][:-4])

    def test_and_not_what_lies_in_dist_by_now(self):
        world = self.world(live="fargate")
        deployed = world.zips
        world.package(2)
        self.assert_deployed(world, deployed)

    def test_from_a_machine_that_never_had_it(self):
        world = self.world(live="fargate")
        deployed = world.zips
        self.forget(world)
        self.assert_deployed(world, deployed)

    def test_and_a_file_of_that_name_with_something_else_in_it_is_fetched_anew(self):
        world = self.world(live="fargate")
        deployed = world.zips
        (world.dev / deployed["api"]).write_bytes(b"half of it")
        self.assert_deployed(world, deployed)

    def test_or_refuses_when_that_cannot_be_had(self):
        def gone(world):
            world.aws("s3").delete_object(Bucket=BUCKET, Key=f"release/{world.zips['api'].rpartition('/')[2]}")

        def changed(world):
            world.aws("s3").put_object(Bucket=BUCKET, Key=f"release/{world.zips['api'].rpartition('/')[2]}", Body=b"x")

        def by_hand(world):
            world.zips = {"api": "../../../dist/api-lambda.zip", "worker": "../../../dist/worker-lambda.zip"}

        def none(world):
            world.zips = None

        for wrong, reason in (
            (gone, f"was deployed, and cannot be had from {BUCKET}"),
            (changed, f"in {BUCKET} is not what was deployed under that name"),
            (by_hand, "was applied to dev by hand"),
            (none, "no zips have been deployed to dev"),
        ):
            with self.subTest(wrong.__name__):
                world = self.world(live="fargate")
                self.forget(world)
                wrong(world)
                before = world.traffic()
                result = world.switch("lambda")
                self.assertEqual(result.code, 4, result)
                self.assertIn(reason, result.text)
                self.assertIn("run make deploy ENV=dev first", result.text)
                self.assertEqual((world.traffic(), world.sides, world.lock()), (before, {"fargate"}, None))

    def test_but_takes_the_traffic_back_even_when_the_functions_that_are_to_go_cannot_be_had(self):
        world = self.world(live="fargate")
        command = world.start("switch", "--to=lambda", "--yes=1", *SWITCH_AT_ONCE, "--step=1h")
        until(lambda: world.traffic()["weights"]["lambda"] == 10)
        command.kill()
        command.wait()
        self.forget(world)
        world.aws("s3").delete_object(Bucket=BUCKET, Key=f"release/{world.zips['api'].rpartition('/')[2]}")
        result = world.switch("fargate")
        self.assertEqual(result.code, 3, result)
        self.assertIn("fargate is live, but lambda could not be removed", result.text)
        self.assertEqual(world.weights(), [all_on("fargate")] * 2)

    def test_not_what_was_built_for_another_architecture(self):
        world = World(self, live="fargate", deployed=False)
        world.package(1, machine=183)
        self.forget(world)
        variables = {"zips": json.dumps(zips.lay(world.dev, world.files))}
        world.apply({"traffic": world.initial(), "destroy": False, "variables": variables})
        before = world.traffic()
        result = world.switch("lambda")
        self.assertEqual(result.code, 4, result)
        self.assertIn("the zip of api was built for arm64, and the environment wants x86_64", result.text)
        self.assertEqual(world.traffic(), before)

    def test_nor_what_it_is_given(self):
        for option in ("--image=other@sha256:1", "--zip=dist"):
            result = self.world().switch("fargate", option)
            self.assertEqual(result.code, 4, result)
            self.assertIn("a switch moves what was deployed: give IMAGE= and ZIP= to make deploy ENV=dev", result.text)

    def forget(self, world):
        """As on a machine that has neither built nor deployed it."""
        shutil.rmtree(world.dev / ".terraform", ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
