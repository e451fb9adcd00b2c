import datetime
import itertools
import signal
import time
import unittest

from botocore.exceptions import ClientError
from running import Moto, until
from workspace import TOPIC, alarm, instead, sample, set_up_clients, watch
from world import World

from contact_manager_infra.prometheus import snappy, write_request

setUpModule = set_up_clients

ALARM = "contact-manager dev P3 AlertTest on lambda"
ADDRESS = "on-call@example.com"
AT_ONCE = ("--hop=0", "--sns=0", "--look=0", "--every=0")


class Case(unittest.TestCase):
    def subscribe(self, world, workspace, address=ADDRESS):
        world.aws("sns").subscribe(TopicArn=workspace.topic_arn, Protocol="email", Endpoint=address)

    def published(self, world):
        """What SNS tells CloudWatch."""
        world.aws("cloudwatch").put_metric_data(
            Namespace="AWS/SNS",
            MetricData=[
                {
                    "MetricName": "NumberOfMessagesPublished",
                    "Dimensions": [{"Name": "TopicName", "Value": TOPIC}],
                    "Timestamp": datetime.datetime.now(datetime.UTC),
                    "Value": 1,
                }
            ],
        )

    def assert_hops(self, result, code, *hops):
        """The hops, each as its name and state and, with a colon, what is said of it."""
        lines = [line.removeprefix("hop=") for line in result.text.splitlines() if line.startswith("hop=")]
        self.assertEqual(len(lines), len(hops), result)
        for line, hop in zip(lines, hops, strict=True):
            place, _, text = hop.partition(": ")
            self.assertTrue(line.startswith(f"{place} "), f"{hop}: {result}")
            self.assertIn(text, line)
        self.assertEqual(result.code, code, result)


class ByRule(Case):
    def world(self):
        world = World(self, live="fargate")
        world.workspace = watch(self, world, "fargate")
        self.subscribe(world, world.workspace)
        world.workspace.publish = lambda: self.published(world)
        return world

    def test_an_alert_that_comes_by_everywhere_is_followed_to_the_mailbox_which_stays_unnamed(self):
        world = self.world()
        result = world.run("alert-test", *AT_ONCE)
        self.assert_hops(
            result,
            0,
            "remote_write ok: after 0 s",
            "rule ok",
            "alertmanager ok",
            "sns ok",
            "email unknown: confirmed addresses: 1; look for AlertTest in their mailboxes",
        )
        self.assertNotIn(ADDRESS, result.text)
        labels, value, moment = world.workspace.samples[0]
        self.assertEqual((labels, value), ({"__name__": "contacts_alert_test"}, 1))
        self.assertAlmostEqual(moment / 1000, time.time(), delta=60)

    def test_each_hop_that_it_does_not_pass_is_named_and_those_after_it_are_not_judged(self):
        def refuse(workspace):
            workspace.refused["POST remote_write"] = itertools.repeat(403)

        def no_rule(workspace):
            workspace.fires = False

        def no_alertmanager(workspace):
            workspace.hears = False

        def silenced(workspace):
            workspace.silences["1"] = {"matchers": [{"name": "alertname", "value": "AlertTest"}]}

        for break_it, passed, missing in (
            (refuse, [], "remote_write missing: the workspace answered 403 to POST api/v1/remote_write"),
            (no_rule, ["remote_write"], "rule missing: the rule does not fire"),
            (no_alertmanager, ["remote_write", "rule"], "alertmanager missing: the Alertmanager does not hear of it"),
            (
                silenced,
                ["remote_write", "rule"],
                "alertmanager missing: it is silenced: make silence ENV=dev ALERT=AlertTest HOURS=0",
            ),
        ):
            with self.subTest(missing):
                world = self.world()
                break_it(world.workspace)
                name = missing.split()[0]
                names = ["remote_write", "rule", "alertmanager", "sns"]
                rest = names[names.index(name) + 1 :]
                self.assert_hops(
                    result := world.run("alert-test", *AT_ONCE),
                    1,
                    *(f"{hop} ok" for hop in passed),
                    missing,
                    *(f"{hop} unknown: nothing came past {name}" for hop in rest),
                    "email unknown",
                )
                self.assertIn(f"alert-test failed: an alert does not get past {name}", result.text)

    def test_what_cloudwatch_does_not_show_is_not_known(self):
        world = self.world()
        world.workspace.publish = lambda: None
        # It came before.
        self.published(world)
        self.assert_hops(
            world.run("alert-test", *AT_ONCE),
            0,
            "remote_write ok",
            "rule ok",
            "alertmanager ok",
            "sns unknown: CloudWatch shows no message of the topic so far",
            "email unknown",
        )

    def test_nobody_hears_of_it_without_a_confirmed_address(self):
        for answer, text in (
            ([], "nobody is subscribed: name addresses in alerts.emails"),
            (["PendingConfirmation"], "nobody has confirmed; 1 did not confirm yet: open the link"),
        ):
            with self.subTest(text):
                world = self.world()
                found = [{"Protocol": "email", "SubscriptionArn": arn, "Endpoint": ADDRESS} for arn in answer]
                instead(self, "sns", "ListSubscriptionsByTopic", lambda _: {"Subscriptions": found})
                result = world.run("alert-test", *AT_ONCE)
                passed = (f"{hop} ok" for hop in ("remote_write", "rule", "alertmanager", "sns"))
                self.assert_hops(result, 1, *passed, f"email missing: {text}")
                self.assertNotIn(ADDRESS, result.text)

    def test_a_workspace_that_is_busy_for_a_moment_is_asked_again(self):
        world = self.world()
        for request in ("POST remote_write", "GET query", "GET alerts"):
            world.workspace.refused[request] = itertools.cycle((503, 429, 503))
        answered = world.workspace.answer

        def answer(method, target, headers, body):
            code, text = answered(method, target, headers, body)
            if code == 429:
                world.workspace.refused.pop(f"{method} {target.partition('?')[0].rpartition('/')[2]}")
            return code, text

        world.workspace.answer = answer
        result = world.run("alert-test", "--hop=20", "--sns=0", "--look=0.01", "--every=0")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(world.workspace.refused, {})

    def test_samples_come_again_and_again_until_the_alert_is_seen(self):
        world = self.world()
        world.workspace.fires = False
        command = world.start("alert-test", "--hop=30", "--sns=0", "--look=0.01", "--every=0.05")
        until(lambda: len(world.workspace.samples) > 5)
        world.workspace.fires = True
        self.assertEqual((result := command.wait()).code, 0, result)
        moments = [moment for _, _, moment in world.workspace.samples]
        self.assertGreaterEqual(min(after - before for before, after in itertools.pairwise(moments)), 50)

    def test_ctrl_c_ends_it_and_says_how_to_go_on(self):
        world = self.world()
        world.workspace.fires = False
        command = world.start("alert-test", "--hop=60")
        until(lambda: world.workspace.samples)
        command.kill(signal.SIGINT)
        result = command.wait()
        self.assertEqual(result.code, 128 + signal.SIGINT, result)
        self.assertIn("the test alert ends by itself; run this again in a few minutes", result.text)

    def test_it_does_not_take_the_alert_of_a_test_before_for_its_own(self):
        world = self.world()
        world.workspace.samples.append("earlier")
        result = world.run("alert-test", *AT_ONCE)
        self.assertEqual(result.code, 4, result)
        self.assertIn("AlertTest is still there from a test before", result.text)
        self.assertEqual(world.workspace.samples, ["earlier"])

    def test_it_needs_an_environment_that_is_watched(self):
        result = World(self, live="fargate").run("alert-test", *AT_ONCE)
        self.assertEqual(result.code, 4, result)
        self.assertIn("nothing that was deployed watches dev: run make deploy ENV=dev first", result.text)


class ByAlarm(Case):
    def world(self, with_alarm=True):
        world = World(self)
        world.workspace = watch(self, world, "lambda", "shared")
        self.subscribe(world, world.workspace)
        if with_alarm:
            alarm(world, [world.workspace.topic_arn], ALARM)
        return world

    def evaluated(self, world):
        """CloudWatch looks at the alarm whenever a value comes."""

        def before(name, params):
            if name != "PutMetricData":
                return
            (datum,) = params["MetricData"]
            state = "ALARM" if datum["Value"] else "OK"
            world.aws("cloudwatch").set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="test")
            if datum["Value"]:
                self.published(world)

        return before

    def values(self):
        cloudwatch, now = Moto.own["cloudwatch"], datetime.datetime.now(datetime.UTC)
        answer = cloudwatch.get_metric_statistics(
            Namespace="ContactManager",
            MetricName="contacts_alert_test",
            Dimensions=[{"Name": "environment", "Value": "dev"}],
            StartTime=now - datetime.timedelta(minutes=5),
            EndTime=now + datetime.timedelta(minutes=5),
            Period=3600,
            Statistics=["Maximum", "Minimum"],
        )
        return [(point["Maximum"], point["Minimum"]) for point in answer["Datapoints"]]

    def test_an_alert_that_comes_by_everywhere_is_followed_to_the_mailbox_and_ended(self):
        world = self.world()
        result = world.run("alert-test", *AT_ONCE, before=self.evaluated(world))
        self.assert_hops(result, 0, "metric ok", "alarm ok", "sns ok", "email unknown")
        self.assertEqual(self.values(), [(1, 0)])
        (left,) = world.aws("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        self.assertEqual(left["StateValue"], "OK")

    def test_an_alarm_that_does_not_see_the_metric_is_missing(self):
        world = self.world()
        self.assert_hops(
            world.run("alert-test", *AT_ONCE),
            1,
            "metric ok",
            "alarm missing: the metric is taken, and the alarm does not see it",
            "sns unknown: nothing came past alarm",
            "email unknown",
        )
        self.assertEqual(self.values(), [(1, 0)])

    def test_an_alarm_that_is_not_there_is_missing_and_so_is_one_that_tells_nobody(self):
        for more, text in (
            (None, "no alarm tells the topic of it"),
            ({"topics": []}, "no alarm tells the topic of it"),
            ({"ActionsEnabled": False}, f"the actions of {ALARM} are disabled"),
        ):
            with self.subTest(more):
                world = self.world(with_alarm=False)
                if more is not None:
                    alarm(world, **{"topics": [world.workspace.topic_arn], "name": ALARM, **more})
                result = world.run("alert-test", *AT_ONCE)
                self.assert_hops(result, 1, "metric ok", f"alarm missing: {text}", "sns unknown", "email unknown")

    def test_a_metric_that_may_not_be_written_is_missing(self):
        def before(name, _params):
            if name == "PutMetricData":
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not\nyou"}}, name)

        result = self.world().run("alert-test", *AT_ONCE, before=before)
        self.assert_hops(
            result,
            1,
            "metric missing: An error occurred (AccessDenied) when calling the PutMetricData operation: not you",
            "alarm unknown",
            "sns unknown",
            "email unknown",
        )

    def test_without_a_confirmed_address_nobody_hears_of_it(self):
        world = self.world()
        instead(self, "sns", "ListSubscriptionsByTopic", lambda _: {"Subscriptions": []})
        result = world.run("alert-test", *AT_ONCE, before=self.evaluated(world))
        self.assert_hops(result, 1, "metric ok", "alarm ok", "sns ok", "email missing: nobody is subscribed")

    def test_ctrl_c_ends_the_alarm_too(self):
        world = self.world()
        command = world.start("alert-test", "--hop=60")
        until(self.values)
        command.kill(signal.SIGINT)
        result = command.wait()
        self.assertEqual(result.code, 128 + signal.SIGINT, result)
        self.assertEqual(self.values(), [(1, 0)])


class Samples(unittest.TestCase):
    def test_are_read_back_as_they_were_written_however_long(self):
        for labels in ({"__name__": "a"}, {"__name__": "n" * 300, "z": "ü", "b": ""}):
            block = snappy(write_request(labels, 0.5, 1_700_000_000_123))
            self.assertEqual(sample(block), (labels, 0.5, 1_700_000_000_123))

    def test_have_their_labels_in_order(self):
        message = write_request({"z": "1", "a": "2"}, 1, 1)
        self.assertLess(message.index(b"a"), message.index(b"z"))


if __name__ == "__main__":
    unittest.main()
