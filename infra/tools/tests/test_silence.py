import datetime
import itertools
import json
import unittest

from botocore.exceptions import ClientError
from workspace import TOPIC, alarm, instead, set_up_clients, watch
from world import World

setUpModule = set_up_clients

DOWN = "contact-manager dev P1 Down on lambda"


class Case(unittest.TestCase):
    def world(self, *sides):
        world = World(self, live=sides[0])
        world.workspace = watch(self, world, *sides)
        # By its name, what CloudWatch mutes; the commands write it down in processes of their own.
        self.muted = world.folder / "muted"
        self.muted.write_text("{}")
        topic = world.workspace.topic_arn
        alarm(world, [topic], DOWN)
        alarm(world, [], f"{DOWN} as a part")
        alarm(world, [f"{topic}-of-others"], f"{DOWN} of others")
        alarm(world, [topic], "contact-manager dev P2 QueueAge")
        return world

    def mutes(self):
        return json.loads(self.muted.read_text())

    def recorded(self, name, params):
        """Before each call of a command."""
        if name == "PutAlarmMuteRule":
            self.muted.write_text(json.dumps({**self.mutes(), params["Name"]: params}))
        if name == "DeleteAlarmMuteRule":
            left = {rule: of for rule, of in self.mutes().items() if rule != params["AlarmMuteRuleName"]}
            self.muted.write_text(json.dumps(left))

    def silence(self, world, alert, hours, before=None):
        for operation in ("PutAlarmMuteRule", "DeleteAlarmMuteRule"):
            instead(self, "cloudwatch", operation, lambda _: {})
        return world.run("silence", f"--alert={alert}", f"--hours={hours}", before=before or self.recorded)


class InTheAlertmanager(Case):
    def test_nobody_is_told_for_as_long_as_was_said(self):
        world = self.world("fargate")
        began = datetime.datetime.now(datetime.UTC)
        result = self.silence(world, "Down", "2")
        self.assertEqual(result.code, 0, result)
        (silence,) = world.workspace.silences.values()
        end = datetime.datetime.fromisoformat(silence["endsAt"])
        self.assertAlmostEqual((end - began).total_seconds(), 7200, delta=60)
        self.assertEqual(
            silence["matchers"], [{"name": "alertname", "value": "Down", "isRegex": False, "isEqual": True}]
        )
        self.assertEqual(silence["comment"], "make silence ENV=dev ALERT=Down HOURS=2")
        self.assertIn(f"the Alertmanager tells nobody of Down until {end:%Y-%m-%d %H:%M} UTC", result.text)
        self.assertEqual(self.mutes(), {})

    def test_it_says_who_did_it_as_far_as_aws_knows(self):
        for arn, name in (
            ("arn:aws:sts::123456789012:assumed-role/admin/jane@example.com", "jane@example.com"),
            ("arn:aws:iam::123456789012:root", "root"),
            (None, "make silence"),
        ):
            with self.subTest(name):
                world = self.world("fargate")

                def before(operation, _params):
                    if operation == "GetCallerIdentity" and arn is None:
                        raise ClientError({"Error": {"Code": "AccessDenied"}}, operation)

                instead(self, "sts", "GetCallerIdentity", lambda _: {"Arn": arn})
                self.assertEqual(self.silence(world, "Down", "1", before).code, 0)
                (silence,) = world.workspace.silences.values()
                self.assertEqual(silence["createdBy"], name)

    def test_the_last_word_counts_and_silences_of_other_alerts_stay(self):
        world = self.world("fargate")
        for alert, hours in (("AlertTest", "5"), ("Down", "8"), ("Down", "0.5")):
            self.assertEqual(self.silence(world, alert, hours).code, 0)
        kept = {each["matchers"][0]["value"]: each["comment"] for each in world.workspace.silences.values()}
        self.assertEqual(kept["Down"], "make silence ENV=dev ALERT=Down HOURS=0.5")
        self.assertEqual(len(world.workspace.silences), 2)

        result = self.silence(world, "Down", "0")
        self.assertEqual(result.code, 0, result)
        self.assertIn("the Alertmanager tells of Down again", result.text)
        (left,) = world.workspace.silences.values()
        self.assertEqual(left["matchers"][0]["value"], "AlertTest")
        self.assertIn("the Alertmanager had no silence of Down", self.silence(world, "Down", "0").text)

    def test_a_workspace_that_refuses_is_one_line(self):
        for request, code in (("GET silences", 403), ("POST silences", 500)):
            with self.subTest(request):
                world = self.world("fargate")
                world.workspace.refused[request] = itertools.repeat(code)
                result = self.silence(world, "Down", "2")
                self.assertEqual(result.code, 1, result)
                self.assertIn(f"silence failed: the workspace answered {code} to", result.text)


class InCloudWatch(Case):
    def test_the_alarm_that_tells_is_muted_and_neither_its_parts_nor_those_of_others(self):
        world = self.world("lambda", "shared")
        before = datetime.datetime.now(datetime.UTC)
        result = self.silence(world, "Down", "1.5")
        self.assertEqual(result.code, 0, result)
        (rule,) = self.mutes().values()
        self.assertEqual(rule["Name"], f"{TOPIC}-Down")
        self.assertEqual(rule["MuteTargets"], {"AlarmNames": [DOWN]})
        schedule = rule["Rule"]["Schedule"]
        begin = datetime.datetime.strptime(schedule["Expression"], "at(%Y-%m-%dT%H:%M)").replace(tzinfo=datetime.UTC)
        self.assertTrue(0 < (begin - before).total_seconds() <= 120)
        self.assertEqual((schedule["Duration"], schedule["Timezone"]), ("PT90M", "UTC"))
        end = begin + datetime.timedelta(minutes=90)
        self.assertIn(
            f"CloudWatch tells nobody of Down from {begin:%H:%M} until {end:%Y-%m-%d %H:%M} UTC: {DOWN}", result.text
        )
        self.assertEqual(world.workspace.asked, [])

    def test_of_several_alarms_the_one_that_they_make_up_is_muted(self):
        world = self.world("lambda")
        tells = {"AlarmName": f"{DOWN} of several", "AlarmActions": [world.workspace.topic_arn]}
        part = {"AlarmName": f"{DOWN} 5m", "AlarmActions": []}
        answer = {"MetricAlarms": [part], "CompositeAlarms": [tells]}
        instead(self, "cloudwatch", "DescribeAlarms", lambda _: answer)
        self.assertEqual(self.silence(world, "Down", "2").code, 0)
        (rule,) = self.mutes().values()
        self.assertEqual(rule["MuteTargets"], {"AlarmNames": [tells["AlarmName"]]})

    def test_what_belongs_to_no_side_can_be_muted_and_told_again(self):
        world = self.world("fargate", "shared")
        self.assertEqual(self.silence(world, "QueueAge", "360").code, 0)
        (rule,) = self.mutes().values()
        self.assertEqual(rule["MuteTargets"], {"AlarmNames": ["contact-manager dev P2 QueueAge"]})
        result = self.silence(world, "QueueAge", "0")
        self.assertIn("CloudWatch tells of QueueAge again", result.text)
        self.assertEqual((result.code, self.mutes()), (0, {}))

    def test_while_a_switch_goes_on_both_are_told(self):
        world = self.world("lambda", "fargate")
        self.assertEqual(self.silence(world, "Down", "2").code, 0)
        self.assertEqual((len(self.mutes()), len(world.workspace.silences)), (1, 1))

    def test_an_alarm_that_somebody_deleted_is_not_said_to_be_muted(self):
        world = self.world("lambda")
        world.aws("cloudwatch").delete_alarms(AlarmNames=[DOWN])
        result = self.silence(world, "Down", "2")
        self.assertEqual(result.code, 4, result)
        self.assertIn("CloudWatch has no alarm that tells of Down", result.text)


class Refuses(Case):
    def assert_refused(self, world, alert, hours, text):
        result = self.silence(world, alert, hours)
        self.assertEqual(result.code, 4, result)
        self.assertIn(text, result.text)
        self.assertEqual((world.workspace.silences, self.mutes()), ({}, {}))

    def test_what_is_no_alert_and_names_those_that_are(self):
        world = self.world("lambda", "fargate", "shared")
        for alert in ("", "down", "Nonsense"):
            text = f"ALERT={alert} is no alert of this environment: choose AlertTest, Down, QueueAge"
            self.assert_refused(world, alert, "2", text)

    def test_what_cannot_be_silenced_and_says_why(self):
        world = self.world("lambda", "fargate", "shared")
        self.assert_refused(world, "SpotReclaimed", "2", "ALERT=SpotReclaimed is told when it happens, once: choose ")
        self.assert_refused(world, "Hung", "2", "ALERT=Hung is not watched here (A call that hangs is an error.)")
        self.assert_refused(world, "Budget", "2", "ALERT=Budget is not watched here (AWS Budgets writes by itself.)")

    def test_hours_that_are_none(self):
        world = self.world("fargate")
        for hours in ("", "-1", "two", "1h", "inf", "nan", "361", "1e3"):
            self.assert_refused(world, "Down", hours, "HOURS= is a number up to 360")
        self.assert_refused(world, "Down", "0.001", "HOURS= is less than a minute")

    def test_an_environment_that_nothing_watches(self):
        result = World(self).run("silence", "--alert=Down", "--hours=2")
        self.assertEqual(result.code, 4, result)
        self.assertIn("nothing that was deployed watches dev", result.text)


if __name__ == "__main__":
    unittest.main()
