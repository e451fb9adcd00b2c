import itertools
import json
import os
import signal
import socket
import threading
import unittest

from world import IMAGE, LOCK, PARAMETER, SWITCH_AT_ONCE, Failure, World, setUpModule, until  # noqa: F401

from contact_manager_infra.lock import _process
from contact_manager_infra.traffic import TARGETS, all_on

UNFINISHED = {"switch": {"from": "lambda", "to": "fargate", "step": "weights", "since": 0}}


class Case(unittest.TestCase):
    def world(self, **options):
        return World(self, **options)

    def assert_settled(self, world, target):
        """One side is there, has all traffic, and nothing is unfinished."""
        self.assertEqual(world.traffic(), {"live": target, "weights": all_on(target), "standby": [], "desired": {}})
        self.assertEqual(world.weights(), [all_on(target)] * 2)
        self.assertEqual(world.sides, {target})
        self.assertEqual(world.wrongs, [])


class SwitchesBetweenAllTargets(Case):
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

    def test_terraform_runs_once_to_build_and_once_to_remove_each_time_for_the_new_target(self):
        world = self.world()
        world.switch("fargate")
        self.assertEqual([command for command, _variables in world.commands], ["plan", "apply"] * 2)
        self.assertEqual(
            {variables.get("target") for command, variables in world.commands if command == "plan"}, {"fargate"}
        )

    def test_the_image_and_the_zips_stay_what_was_deployed(self):
        world = self.world()
        world.zips = {"api": "../../api.zip", "worker": "../../worker.zip"}
        for file in world.zips.values():
            (world.folder / "environments" / "dev" / file).touch()
        world.switch("fargate")
        plans = [variables for command, variables in world.commands if command == "plan"]
        self.assertEqual([plan["image"] for plan in plans], [IMAGE] * 2)
        self.assertEqual([json.loads(plan["zips"]) for plan in plans], [world.zips] * 2)

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
        for old, wanted in (("fargate", {"ec2": {"api": 1, "worker": 1}}), ("lambda", {"ec2": {"api": 3}})):
            with self.subTest(old):
                world, found = self.world(live=old), []
                # The busiest of the last minutes, at 1,000 requests for each task.
                world.requests("lambda", 2500, minutes=-3)
                world.requests("lambda", 900, minutes=-6)
                world.before_terraform = lambda command, plan: found.append(plan["traffic"]["desired"])
                self.assertEqual(world.switch("ec2").code, 0)
                self.assertEqual(found, [wanted, wanted, {}, {}])


class GoesBackAtTheFirstSignOfTrouble(Case):
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


class IsHarmlessAtEveryMoment(Case):
    def test_a_plain_apply_in_between_gives_the_new_side_no_more_than_it_had_and_nothing_on_the_way_back(self):
        for trouble in (False, True):
            with self.subTest("on the way back" if trouble else "on the way up"):
                world, reached = self.world(), [0]

                def before(name, parameters):
                    if name == "GetMetricData" and trouble and world.weights()[0]["fargate"] == 50:
                        world.errors("fargate")
                    if name not in ("PutParameter", "ModifyRule"):
                        return
                    traffic = world.traffic()
                    # The sides are as the switch's own applies left them, in another process.
                    world.sides = {traffic["live"], *traffic["standby"]}
                    world.apply({"traffic": traffic, "destroy": False})
                    going_back = traffic.get("switch", {}).get("step") == "back"
                    limit = 0 if going_back else max(reached)
                    for weights in world.weights():
                        assert weights["fargate"] <= limit, (weights, limit)
                    if name == "ModifyRule":
                        groups = parameters["Actions"][0]["ForwardConfig"]["TargetGroups"]
                        reached.extend(
                            each["Weight"] for each in groups if each["TargetGroupArn"] == world.groups["fargate"]
                        )

                result = world.switch("fargate", before=before)
                self.assertEqual(result.code, 3 if trouble else 0, result)
                self.assert_settled(world, "lambda" if trouble else "fargate")


class GoesOnAfterAnInterruption(Case):
    POINTS = ("PutParameter", "ModifyRule", "DeleteParameter")

    def test_a_switch_killed_before_any_of_its_writes_is_finished_by_running_it_again(self):
        world = self.world(live="ec2")
        writes = self._writes(world, lambda world, before: world.switch("fargate", before=before))
        self.assertGreater(writes, 14)
        for last, to in zip(range(writes), itertools.cycle(("ec2", "fargate"))):
            with self.subTest(f"killed before write {last}"):
                killed = world.switch(to, before=self._killer(last))
                self.assertEqual(killed.code, -signal.SIGKILL, killed)
                self._assert_served(world)
                again = world.switch(to)
                # By the last, the removal of the lock, all is done.
                self.assertEqual(again.code, 4 if last == writes - 1 else 0, again)
                self.assert_settled(world, to)

    def test_so_is_one_killed_while_terraform_runs(self):
        world = self.world(live="ec2")
        for number, to in zip(range(4), itertools.cycle(("fargate", "ec2"))):
            with self.subTest(f"killed at terraform's command {number}"):
                count = itertools.count()

                def kill(_command, _plan):
                    if next(count) == number:
                        command.kill()

                world.before_terraform = kill
                command = world.start("switch", f"--to={to}", "--yes=1", *SWITCH_AT_ONCE)
                self.assertEqual(command.wait().code, -signal.SIGKILL)
                world.before_terraform = lambda command, plan: None
                again = world.switch(to)
                self.assertEqual(again.code, 0, again)
                self.assert_settled(world, to)

    def test_a_way_back_that_was_killed_is_finished_as_one(self):
        def troubled(world, before):
            def run(name, parameters):
                if name == "GetMetricData" and world.weights()[0]["fargate"] == 50:
                    world.errors("fargate")
                before(name, parameters)

            return world.switch("fargate", before=run)

        world = self.world()
        writes = self._writes(world, troubled)
        turned = self._writes(world, troubled, until_back=True)
        for last in range(turned, writes - 1):
            with self.subTest(f"killed before write {last}"):
                killed = troubled(world, self._killer(last))
                self.assertEqual(killed.code, -signal.SIGKILL, killed)
                self._assert_served(world)
                again = world.switch("fargate")
                self.assertEqual(again.code, 3, again)
                self.assertIn("5xx answers of fargate", again.text)
                self.assert_settled(world, "lambda")

    def test_a_signal_leaves_the_weights_as_they_are_and_says_how_to_go_on(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            world = self.world()
            with self.subTest(number.name):
                command = world.start("switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE, "--step=1h", "--look=1h")
                until(lambda: world.traffic()["weights"]["fargate"] == 10)
                command.kill(number)
                result = command.wait()
                self.assertEqual(result.code, 128 + number, result)
                self.assertIn("make switch ENV=dev TO=fargate, take it back with TO=lambda", result.text)
                self.assertEqual(world.weights(), [{"lambda": 90, "fargate": 10, "ec2": 0}] * 2)
                self.assertEqual(world.traffic()["weights"], world.weights()[0])
                self.assertIsNone(world.lock())
                self.assertEqual(world.switch("fargate").code, 0)
                self.assert_settled(world, "fargate")

    def test_it_can_be_taken_back_instead_at_any_weight_and_on_standby(self):
        for share, step in ((10, "weights"), (100, "standby")):
            with self.subTest(step):
                world = self.world()
                hold = "--step=1h" if step == "weights" else "--standby=1h"
                command = world.start("switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE, hold, "--look=1h")
                until(
                    lambda: (
                        world.traffic().get("switch", {}).get("step") == step
                        and world.traffic()["weights"]["fargate"] == share
                    )
                )
                command.kill(signal.SIGTERM)
                command.wait()
                back = world.switch("lambda")
                self.assertEqual(back.code, 0, back)
                self.assert_settled(world, "lambda")

    def test_a_signal_while_terraform_runs_is_passed_on_and_the_switch_waits_for_it(self):
        world = self.world()
        reached = []
        release = threading.Event()
        self.addCleanup(release.set)

        def block(command, _plan):
            if command == "apply":
                reached.append(command)
                release.wait(30)

        world.before_terraform = block
        command = world.start("switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE)
        until(lambda: reached)
        command.kill(signal.SIGTERM)
        result = command.wait()
        self.assertEqual(result.code, 128 + signal.SIGTERM, result)
        release.set()
        until(lambda: "fargate" in world.sides)
        world.before_terraform = lambda command, plan: None
        self.assertEqual(world.switch("fargate").code, 0)
        self.assert_settled(world, "fargate")

    def _writes(self, world, run, until_back=False):
        """How many writes a switch makes; or how many before it turns back."""
        path = world.folder / "writes"
        path.write_text("")

        def count(name, parameters):
            if _writes(name, parameters):
                with open(path, "a") as file:
                    file.write(json.dumps(parameters.get("Value", "")) + "\n")

        run(world, count)
        lines = path.read_text().splitlines()
        return next(number for number, line in enumerate(lines) if "back" in line) + 1 if until_back else len(lines)

    def _killer(self, last):
        count = itertools.count()

        def kill(name, parameters):
            if _writes(name, parameters) and next(count) == last:
                os.kill(os.getpid(), signal.SIGKILL)

        return kill

    def _assert_served(self, world):
        """Nobody is sent to a side that is not there."""
        for weights in world.weights():
            self.assertLessEqual({target for target, weight in weights.items() if weight}, world.sides)


def _writes(name, parameters):
    """Whether a call changes more than the lock's sign of life."""
    return name in GoesOnAfterAnInterruption.POINTS and not (
        parameters["Name"] == LOCK and parameters.get("Overwrite") if "Name" in parameters else False
    )


class KeepsTwoApart(Case):
    def test_a_second_switch_is_refused_while_the_first_one_runs(self):
        world = self.world()
        command = world.start("switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE, "--step=1h", "--look=0.05")
        until(lambda: world.traffic()["weights"]["fargate"] == 10)
        for arguments in (["switch", "--to=fargate"], ["switch", "--to=lambda"], ["deploy"], ["destroy"]):
            second = world.run(*arguments, "--yes=1")
            self.assertEqual(second.code, 4, second)
            self.assertIn("holds the lock for switch lambda -> fargate (weights)", second.text)
        command.kill(signal.SIGTERM)
        command.wait()

    def test_of_two_that_start_at_once_one_is_refused_and_the_other_finishes(self):
        world = self.world()
        commands = [
            world.start("switch", f"--to={to}", "--yes=1", *SWITCH_AT_ONCE, before=_together(world, False))
            for to in ("fargate", "ec2")
        ]
        codes = sorted(command.wait().code for command in commands)
        self.assertEqual(codes, [0, 4])
        self.assertEqual(len(world.sides), 1)
        self.assert_settled(world, *world.sides)

    def test_a_lock_of_another_machine_is_respected_until_its_lease_is_over(self):
        world = self.world()
        holder = {
            "id": "other",
            "who": "ada@elsewhere",
            "what": "switch lambda -> fargate",
            "step": "weights",
            "since": "then",
        }
        world.aws("ssm").put_parameter(Name=LOCK, Value=json.dumps(holder), Type="String")
        refused = world.switch("fargate")
        self.assertEqual(refused.code, 4, refused)
        self.assertIn("ada@elsewhere holds the lock", refused.text)
        taken = world.switch("fargate", "--lease=0")
        self.assertEqual(taken.code, 0, taken)
        self.assertIn("taking over", taken.text)
        self.assert_settled(world, "fargate")

    def test_a_lock_of_a_process_of_this_machine_that_has_ended_is_taken_over_at_once(self):
        world = self.world()
        dead = {**_process(os.getpid()), "started": "1"}
        holder = {"id": "dead", "who": f"root@{socket.gethostname()}", "what": "deploy", "process": dead}
        world.aws("ssm").put_parameter(Name=LOCK, Value=json.dumps(holder), Type="String")
        self.assertEqual(world.switch("fargate").code, 0)

    def test_of_two_that_take_over_a_dead_lock_at_once_one_wins(self):
        world = self.world()
        world.aws("ssm").put_parameter(Name=LOCK, Value=json.dumps({"id": "dead"}), Type="String")
        # Both find it and hold back before they write over it.
        commands = [
            world.start(
                "switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE, "--lease=0", before=_together(world, True)
            )
            for _ in range(2)
        ]
        results = [command.wait() for command in commands]
        self.assertEqual(sorted(result.code for result in results), [0, 4], results)
        self.assert_settled(world, "fargate")

    def test_whoever_lost_the_lock_writes_nothing_more(self):
        world = self.world()

        def lose(name, _parameters):
            if name == "GetMetricData" and world.weights()[0]["fargate"] == 10:
                world.aws("ssm").put_parameter(
                    Name=LOCK, Value=json.dumps({"id": "other", "who": "ada@elsewhere"}), Overwrite=True
                )

        result = world.switch("fargate", before=lose)
        self.assertEqual(result.code, 4, result)
        self.assertIn("ada@elsewhere holds the lock", result.text)
        self.assertEqual(world.weights(), [{"lambda": 90, "fargate": 10, "ec2": 0}] * 2)
        self.assertEqual(world.lock()["id"], "other")

    def test_finish_ends_a_standby_that_another_process_waits_for(self):
        world = self.world()
        command = world.start(
            "switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE, "--standby=1h", "--look=0.05", "--lease=1"
        )
        until(lambda: (world.lock() or {}).get("step") == "standby")
        finished = world.switch("fargate", "--finish=1", "--lease=90")
        self.assertEqual(finished.code, 0, finished)
        self.assert_settled(world, "fargate")
        waiting = command.wait()
        self.assertEqual(waiting.code, 4, waiting)


def _together(world, overwrite):
    """Holds a process back before it creates, or overwrites, the lock until there are two of them."""

    def before(name, parameters):
        if name == "PutParameter" and parameters["Name"] == LOCK and parameters["Overwrite"] == overwrite:
            (world.folder / f"here-{os.getpid()}").touch()
            until(lambda: len(list(world.folder.glob("here-*"))) == 2)

    return before


class Refuses(Case):
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


class LooksAtEachWeight(Case):
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


if __name__ == "__main__":
    unittest.main()
