import itertools
import json
import unittest

from account import IMAGE, PARAMETER
from cases import SwitchCase
from running import SWITCH_AT_ONCE, setUpModule, until  # noqa: F401
from world import Failure

from contact_manager_infra.traffic import TARGETS, all_on

UNFINISHED = {"switch": {"from": "lambda", "to": "fargate", "step": "weights", "since": 0}}


class SwitchesBetweenAllTargets(SwitchCase):
    def test_each_of_the_six_moves_all_traffic_and_removes_the_old_side(self):
        world = self.world()
        way = ["lambda", "fargate", "lambda", "ec2", "fargate", "ec2", "lambda"]
        self.assertEqual(set(itertools.pairwise(way)), set(itertools.permutations(TARGETS, 2)))
        for old, new in itertools.pairwise(way):
            with self.subTest(f"{old} to {new}"):
                result = world.switch(new)
                self.assertEqual(result.code, 0, result)
                self.assert_settled(world, new)
                self.assertIsNone(world.lock())
                self.assertNotIn("secret", result.text)

    def test_terraform_builds_and_removes_once_and_looks_first_what_it_would_do_without_the_switch(self):
        world = self.world()
        world.switch("fargate")
        commands = [(command, variables.get("target")) for command, variables in world.commands]
        self.assertEqual(
            commands,
            [
                ("plan", "lambda"),
                ("plan", "fargate"),
                ("apply", None),
                ("plan", "fargate"),
                ("plan", "fargate"),
                ("apply", None),
            ],
        )

    def test_the_image_and_the_zips_stay_what_was_deployed(self):
        world = self.world()
        deployed = world.zips
        world.package(2)
        world.switch("fargate")
        plans = [variables for command, variables in world.commands if command == "plan"]
        self.assertEqual([plan["image"] for plan in plans], [IMAGE] * 4)
        self.assertEqual([json.loads(plan["zips"]) for plan in plans], [deployed] * 4)

    def test_the_weights_go_up_by_10_50_and_100_in_every_rule_and_nothing_else_changes(self):
        world = self.world()
        seen = world.folder / "seen"

        def before(name, parameters):
            if name == "ModifyRule":
                with open(seen, "a") as file:
                    file.write(json.dumps(parameters) + "\n")

        old = world.actions()[0]
        self.assertEqual(world.switch("ec2", before=before).code, 0)
        with open(seen) as file:
            changes = [json.loads(line) for line in file]
        shares = []
        for change in changes:
            (action,) = change["Actions"]
            shares.append([group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]])
            for group, was in zip(
                action["ForwardConfig"]["TargetGroups"], old[0]["ForwardConfig"]["TargetGroups"], strict=True
            ):
                group["Weight"] = was["Weight"]
            self.assertEqual(change["Actions"], old)
        self.assertEqual(shares, [[90, 0, 10]] * 2 + [[50, 0, 50]] * 2 + [[0, 0, 100]] * 2)

    def test_a_new_side_of_containers_starts_with_as_many_tasks_as_the_old_one_runs(self):
        tasks = {"api": 1, "worker": 1}
        for old, wanted in (("fargate", {"ec2": tasks, "fargate": tasks}), ("lambda", {"ec2": {"api": 3}})):
            with self.subTest(old):
                world, found = self.world(live=old), []
                # The busiest of the last minutes, at 1,000 requests for each task.
                world.requests("lambda", 2500, minutes=-3)
                world.requests("lambda", 900, minutes=-6)
                world.before_terraform = lambda command, plan: found.append(plan["traffic"]["desired"])
                self.assertEqual(world.switch("ec2").code, 0)
                self.assertEqual(found, [{}, wanted, wanted, wanted, {}, {}])


    def test_nothing_begins_where_fewer_tasks_are_allowed_than_functions_do_the_work_of(self):
        world = self.world()
        world.requests("lambda", 4500, minutes=-3)
        before = world.actions()
        result = world.switch("fargate")
        self.assertEqual(result.code, 4, result)
        self.assertIn("lambda has work for 5 tasks of api, and there may be 4: raise containers.api.max in", result.text)
        self.assertEqual(world.actions(), before)


class GoesBackAtTheFirstSignOfTrouble(SwitchCase):
    def assert_rolled_back(self, world, result, reason, before):
        self.assertEqual(result.code, 3, result)
        self.assertIn(reason, result.text.splitlines()[-1])
        self.assert_settled(world, "lambda")
        self.assertEqual(world.actions(), before)
        self.assertIsNone(world.lock())

    def test_when_the_new_side_or_the_load_balancer_answers_5xx_at_any_weight(self):
        world = self.world()
        old = world.actions()
        for share, blame in itertools.product((10, 50, 100), ("target", "balancer")):
            with self.subTest(f"{blame} at {share} %"):

                def look(name, _parameters):
                    if name == "GetMetricData" and world.weights()[0]["fargate"] == share:
                        world.errors("fargate", 2) if blame == "target" else world.balancer_errors(2)

                result = world.switch("fargate", before=look)
                what = "2 5xx answers of fargate" if blame == "target" else "2 5xx answers of the load balancer"
                self.assert_rolled_back(world, result, f"{what}, at {share} % of the traffic", old)

    def test_during_the_standby_too(self):
        world = self.world()
        old = world.actions()
        command = world.start("switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE, "--standby=1h", "--look=0.05")
        until(lambda: world.traffic().get("switch", {}).get("step") == "standby")
        world.errors("fargate")
        self.assert_rolled_back(world, command.wait(), "1 5xx answers of fargate, at 100 % of the traffic", old)

    def test_not_for_errors_of_the_time_before_or_of_the_old_side(self):
        world = self.world()
        world.errors("fargate", 7)
        world.balancer_errors(7)

        def look(name, _parameters):
            if name == "ModifyRule":
                world.errors("lambda")

        result = world.switch("fargate", before=look)
        self.assertEqual(result.code, 0, result)

    def test_not_for_answers_of_the_load_balancer_that_a_client_causes(self):
        world = self.world()

        def look(name, _parameters):
            if name == "GetMetricData":
                world.balancer_errors(code=501)
                world.balancer_errors(code=505)

        self.assertEqual(world.switch("fargate", before=look).code, 0)

    def test_for_each_answer_by_which_a_load_balancer_says_that_something_is_wrong(self):
        world = self.world()
        old = world.actions()
        for code in (500, 502, 503, 504):
            with self.subTest(code):

                def look(name, _parameters):
                    if name == "GetMetricData":
                        world.balancer_errors(code=code)

                result = world.switch("fargate", before=look)
                self.assert_rolled_back(world, result, "5xx answers of the load balancer, at 10 %", old)

    def test_for_errors_of_the_smoke_test_only_when_its_minutes_are_over(self):
        for minutes, code in ((0, 0), (2, 3)):
            with self.subTest(f"{minutes} minutes after it"):
                world = self.world()
                smoked = world.folder / "smoked"

                def answer(_chosen, path):
                    if path != "/ready" or smoked.exists():
                        return None
                    smoked.touch()
                    return 503

                # It is known to CloudWatch when the traffic begins to move.
                def look(name, _parameters):
                    if name == "ModifyRule" and world.weights()[0]["fargate"] == 0:
                        world.errors("fargate", minutes=minutes, since=smoked.stat().st_mtime)

                world.answered = answer
                result = world.switch("fargate", "--smoke=60", before=look)
                self.assertEqual(result.code, code, result)

    def test_when_the_smoke_test_fails_before_any_traffic_moves(self):
        world = self.world()
        old = world.actions()
        for path, status in (("/health", 500), ("/ready", 503), ("/v1/books", 200)):
            with self.subTest(path):
                world.answers = {("fargate", path): status}

                def no_traffic(name, _parameters):
                    assert name != "ModifyRule"

                result = world.switch("fargate", before=no_traffic)
                self.assert_rolled_back(world, result, f"GET {path} of fargate was answered {status}", old)

    def test_when_the_new_side_cannot_be_built(self):
        world = self.world()
        old = world.actions()

        def fail(command, plan):
            if command == "apply" and plan["variables"]["target"] == "fargate":
                raise Failure("the image does not exist")

        world.before_terraform = fail
        result = world.switch("fargate")
        self.assert_rolled_back(world, result, "fargate could not be built", old)
        self.assertIn("the image does not exist", result.text)

    def test_when_the_new_side_does_not_become_healthy(self):
        world = self.world()
        old = world.actions()
        register = world._build

        def build(target):
            register(target)
            world.aws("elbv2").deregister_targets(TargetGroupArn=world.groups[target], Targets=[{"Id": "10.0.0.10"}])

        world._build = build
        self.assert_rolled_back(world, world.switch("fargate"), "0 of 0 targets of fargate are healthy", old)

    def test_when_its_last_target_goes_away(self):
        world = self.world()
        old = world.actions()

        def look(name, _parameters):
            if name == "GetMetricData" and world.weights()[0]["fargate"] == 50:
                world.aws("elbv2").deregister_targets(
                    TargetGroupArn=world.groups["fargate"], Targets=[{"Id": "10.0.0.10"}]
                )

        result = world.switch("fargate", before=look)
        self.assert_rolled_back(world, result, "0 of 0 targets of fargate are healthy, at 50 %", old)

    def test_when_nobody_can_look(self):
        world = self.world()
        old = world.actions()

        def deny(name, parameters):
            if name == "GetMetricData" and world.weights()[0]["fargate"] == 50:
                parameters["MetricDataQueries"] = "not a list"

        self.assert_rolled_back(world, world.switch("fargate", before=deny), "AWS does not answer as it should", old)

    def test_and_says_so_when_the_new_side_cannot_be_removed(self):
        world = self.world()

        def fail(command, plan):
            if command == "apply" and plan["variables"]["target"] == "lambda":
                raise Failure("something hangs on it")

        world.before_terraform = fail
        world.answers["fargate", "/ready"] = 503
        result = world.switch("fargate")
        self.assertEqual(result.code, 3, result)
        self.assertIn("fargate could not be removed", result.text)
        world.before_terraform = lambda command, plan: None
        again = world.switch("lambda")
        self.assertEqual(again.code, 0, again)
        self.assert_settled(world, "lambda")


class LooksAtEachWeight(SwitchCase):
    def test_until_the_time_is_over_or_there_were_enough_requests(self):
        world = self.world()

        def look(name, _parameters):
            if name == "GetMetricData":
                world.requests("fargate", 1000, minutes=1)

        result = world.switch("fargate", "--step=1h", "--look=0.01", "--enough=1000", before=look)
        self.assertEqual(result.code, 0, result)

    def test_as_often_as_it_was_told(self):
        world = self.world()
        path = world.folder / "looks"

        def look(name, _parameters):
            if name == "GetMetricData":
                with open(path, "a") as file:
                    file.write("look\n")

        self.assertEqual(world.switch("fargate", "--step=0.1", "--look=0.01", "--enough=0", before=look).code, 0)
        self.assertGreater(len(path.read_text().splitlines()), 12)


class Refuses(SwitchCase):
    def assert_refused(self, world, result, reason):
        before = world.traffic() if world.deployed else None
        self.assertEqual(result.code, 4, result)
        self.assertEqual(len(result.text.splitlines()), 1, result)
        self.assertIn(reason, result.text)
        self.assertEqual(world.traffic() if world.deployed else None, before)
        self.assertEqual(world.commands, [])

    def test_an_unknown_target(self):
        world = self.world()
        for to in ("", "kubernetes"):
            self.assert_refused(world, world.switch(to), "choose lambda, fargate, ec2")

    def test_an_unknown_environment(self):
        world = self.world()
        self.assert_refused(world, world.switch("fargate", "--env=../dev"), "is no environment: choose dev, prod")

    def test_a_time_that_is_none(self):
        world = self.world()
        result = world.switch("fargate", "--standby=1 fortnight")
        self.assertEqual(result.code, 2, result)
        self.assertIn("'1 fortnight' is no duration: write 180, 90s, 30m or 1h", result.text)

    def test_an_environment_that_is_not_deployed(self):
        world = self.world(deployed=False)
        self.assert_refused(world, world.switch("fargate"), "dev is not deployed")

    def test_a_target_that_is_live_already(self):
        world = self.world()
        self.assert_refused(world, world.switch("lambda"), "lambda is live in dev already")

    def test_to_leave_a_third_side_behind(self):
        world = self.world()
        traffic = {**world.initial(), "standby": ["ec2"]}
        world.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Overwrite=True)
        self.assert_refused(world, world.switch("fargate"), "ec2 is on standby, and there is room for one: remove it")

    def test_a_third_target_while_a_switch_is_unfinished(self):
        world = self.world()
        traffic = {**world.initial(), "standby": ["fargate"], **UNFINISHED}
        world.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Overwrite=True)
        self.assert_refused(world, world.switch("ec2"), "the switch lambda -> fargate is not finished")

    def test_to_go_back_to_a_side_that_is_being_removed(self):
        world = self.world()
        removing = {"switch": {**UNFINISHED["switch"], "step": "remove"}}
        traffic = {**world.initial(), "live": "fargate", "weights": all_on("fargate"), **removing}
        world.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Overwrite=True)
        self.assert_refused(world, world.switch("lambda"), "lambda is being removed")

    def test_to_begin_without_a_yes(self):
        world = self.world()
        for answer in ("", "n\n"):
            result = world.run("switch", "--to=fargate", stdin=answer)
            self.assertEqual(result.code, 4, result)
            self.assertIn("dev: lambda has 100 % of the traffic. This builds fargate beside it", result.text)
        self.assertEqual(world.commands, [])
        self.assertEqual(world.run("switch", "--to=fargate", *SWITCH_AT_ONCE, stdin="y\n").code, 0)

    def test_to_begin_when_the_plan_fails_and_leaves_everything_as_it_was(self):
        world = self.world()

        def fail(_command, _plan):
            raise Failure("image must name a digest")

        before, world.before_terraform = world.traffic(), fail
        result = world.switch("fargate")
        self.assertEqual(result.code, 1, result)
        self.assertIn("image must name a digest", result.text)
        self.assertEqual(world.traffic(), before)
        self.assertIsNone(world.lock())


if __name__ == "__main__":
    unittest.main()
