import itertools
import json
import os
import signal
import socket
import threading
import unittest

from account import LOCK
from cases import SwitchCase
from running import SWITCH_AT_ONCE, setUpModule, until  # noqa: F401
from world import Failure

from contact_manager_infra.lock import _process


class IsHarmlessAtEveryMoment(SwitchCase):
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


class GoesOnAfterAnInterruption(SwitchCase):
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
        for number, to in zip(range(6), itertools.cycle(("fargate", "ec2"))):
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

    def test_so_is_one_that_went_on_and_was_killed_before_it_came_to_terraform_again(self):
        for step, last in itertools.product(("prepare", "remove"), range(3)):
            with self.subTest(f"at {step}, before write {last}"):
                world = self.world(live="ec2")

                def kill(command, plan):
                    if command == "apply" and plan["traffic"]["switch"]["step"] == step:
                        switch.kill()
                        raise Failure("killed")

                world.before_terraform = kill
                switch = world.start("switch", "--to=fargate", "--yes=1", *SWITCH_AT_ONCE)
                self.assertEqual(switch.wait().code, -signal.SIGKILL)
                world.before_terraform = lambda command, plan: None
                killed = world.switch("fargate", before=self._killer(last))
                self.assertEqual(killed.code, -signal.SIGKILL, killed)
                self._assert_served(world)
                again = world.switch("fargate")
                self.assertEqual(again.code, 0, again)
                self.assert_settled(world, "fargate")

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


class KeepsTwoApart(SwitchCase):
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


if __name__ == "__main__":
    unittest.main()
