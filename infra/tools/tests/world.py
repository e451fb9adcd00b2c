"""A small AWS to run the commands against: what is in moto's account, and a Terraform that is a few lines."""

import json
import pathlib
import tempfile
import threading
import traceback
import types

from account import ALIAS, BUCKET, IMAGE, PARAMETER, TABLE, Account
from front import serve_front, serve_terraform
from packages import program, zipped
from running import SWITCH_AT_ONCE, Command, Moto

from contact_manager_infra import zips
from contact_manager_infra.traffic import TARGETS, all_on


class World(Account):
    """One environment, `dev`."""

    def __init__(self, test, live="lambda", deployed=True):
        Moto.reset()
        self.target = live
        self.tasks = 1
        # What is on record, what the functions and the tasks are made of, and Terraform's own task definitions.
        self.zips, self.image, self.published, self.defined, self.owned = None, IMAGE, None, IMAGE, {}
        self.sides, self.minimum, self.wrongs, self.commands = set(), {}, [], []
        # The side that alerts are about.
        self.watched = live
        self.state_lock = threading.Lock()
        self.protected = self.outputs_change = False
        # Changes of resources that no side has, by their addresses, which wait for an apply.
        self.pending = {}
        # What tests put in the way: a service whose new tasks ECS gives up, of Terraform, and of the front.
        self.given_up = None
        self.before_terraform = lambda command, plan: None
        self.answers, self.answered = {}, lambda chosen, path: None

        self.folder = pathlib.Path(test.enterContext(tempfile.TemporaryDirectory()))
        self.dev = self.folder / "infra" / "environments" / "dev"
        self.dev.mkdir(parents=True)
        self.dev.with_name("prod").mkdir()
        self.files = {name: self.folder / "dist" / f"{name}-lambda.zip" for name in ("api", "worker")}
        self.files["api"].parent.mkdir()
        self.package(1)
        serve_terraform(test, self)
        self.url = serve_front(test, self)
        self._make()
        self.deployed = False
        if deployed:
            given = zips.lay(self.dev, self.files)
            zips.keep(self.dev, given, types.SimpleNamespace(s3=self.aws("s3")), BUCKET)
            variables = {"zips": json.dumps(given)}
            self.apply({"traffic": self.initial(), "destroy": False, "variables": variables})

    def package(self, code, machine=62):
        """Builds the functions anew."""
        for name, file in self.files.items():
            file.write_bytes(zipped({"bootstrap": program(f"{name} {code}", machine)}))

    # Running the commands.

    def start(self, *arguments, before=None, stdin=""):
        return Command(self, arguments, before, stdin)

    def run(self, *arguments, before=None, stdin=""):
        return self.start(*arguments, before=before, stdin=stdin).wait()

    def switch(self, to, *arguments, before=None):
        return self.run("switch", f"--to={to}", "--yes=1", *SWITCH_AT_ONCE, *arguments, before=before)

    # Terraform.

    def initial(self):
        return {"live": self.target, "weights": all_on(self.target), "standby": [], "desired": {}}

    def plan(self, variables=None, destroy=False):
        """What a plan made now holds."""
        traffic = self.traffic() if self.deployed else self.initial()
        target = (variables or {}).get("target", self.target)
        sides = [traffic["live"], *traffic["standby"]]
        if not destroy and target not in sides:
            raise Failure(f"{traffic['live']} is live, and target is {target}")
        if not destroy and "lambda" in sides and not all(file.is_file() for file in self._given(variables).values()):
            raise Failure("api.zip must be a file")
        return {"traffic": traffic, "destroy": destroy, "variables": variables or {}}

    def record(self, variables):
        """What the outputs name from now on."""
        self.zips = json.loads(variables.get("zips", "null"))
        self.image = variables.get("image", self.image)

    def apply(self, plan):
        """Builds what a plan says: the sides that are live or on standby, and the weights of the rules."""
        traffic = plan["traffic"]
        self.watched = traffic["live"]
        if plan.get("only"):
            return
        if not self.deployed:
            self.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Type="String")
            self.deployed = True
        wanted = set() if plan["destroy"] else {traffic["live"], *traffic["standby"]}
        if "variables" in plan:
            self.record(plan["variables"])
        if self.defined != self.image:
            self.defined = self.image
            for target in wanted & self.sides & {"fargate", "ec2"}:
                self._replace(target)
        for target in wanted - self.sides:
            self._build(target)
        for target in self.sides - wanted:
            if not plan["destroy"] and any(weights[target] for weights in self.weights()):
                self.wrongs.append(f"{target} was removed while it had traffic: {self.weights()}")
            self._remove(target)
        self.sides, self.minimum, self.pending = wanted, self._minimum(traffic, wanted), {}
        if plan["destroy"]:
            self.deployed = False
            return
        if "lambda" in wanted:
            self._publish()
        for rule, actions in zip(self.rules, self.actions(), strict=True):
            for group in actions[0]["ForwardConfig"]["TargetGroups"]:
                group["Weight"] = next(
                    traffic["weights"][target] for target, arn in self.groups.items() if arn == group["TargetGroupArn"]
                )
            self.aws("elbv2").modify_rule(RuleArn=rule, Actions=actions)

    def terraform(self, arguments, defaults):
        """Answers a command with an exit code and what it prints."""
        command, options = arguments[0], arguments[1:]
        variables = {**defaults, **dict(each[5:].split("=", 1) for each in options if each.startswith("-var="))}
        only = any(each.startswith("-target=") for each in options)
        if command == "apply":
            only = json.loads(pathlib.Path(options[-1]).read_text())["only"]
        # What is watched follows the traffic, and is nothing that tests count.
        if command in ("plan", "apply") and not only:
            self.commands.append((command, variables))
        try:
            if command == "output":
                return 0, json.dumps(self._outputs() if self.deployed else {})
            if command == "show" and options[-1] == "-json":
                return 0, json.dumps({"values": {"root_module": {"resources": self._state()}}})
            if command == "show":
                plan = json.loads(pathlib.Path(options[-1]).read_text())
                given = plan["variables"]
                released = not plan["destroy"] and (
                    json.loads(given.get("zips", "null")) != self.zips or given.get("image", self.image) != self.image
                )
                changed = "update" if self.outputs_change or released else "no-op"
                outputs = {"release": {"actions": [changed]}}
                shown = {"resource_changes": self._changes(plan), "output_changes": outputs}
                return 0, json.dumps({**shown, "variables": {"architecture": {"value": "x86_64"}}})
            # As the state's lock: a Terraform whose command was killed ends first.
            with self.state_lock:
                if command == "plan":
                    plan = self.plan(variables, destroy="-destroy" in options)
                    plan["refresh_only"] = "-refresh-only" in options
                    plan["only"] = only
                    if not only:
                        self.before_terraform("plan", plan)
                    (out,) = [each[5:] for each in options if each.startswith("-out=")]
                    pathlib.Path(out).write_text(json.dumps(plan))
                if command == "apply":
                    plan = json.loads(pathlib.Path(options[-1]).read_text())
                    if not only:
                        self.before_terraform("apply", plan)
                    if plan["refresh_only"]:
                        self.record(plan["variables"])
                    else:
                        self.apply(plan)
            return 0, ""
        except Failure as failure:
            return 1, f"Error: {failure}\n"
        except Exception:
            return 1, traceback.format_exc()

    def _given(self, variables=None):
        """The files of the functions that Terraform is given."""
        given = json.loads(variables.get("zips", "null")) if variables is not None else self.zips
        return {name: self.dev / file for name, file in (given or {"api": "", "worker": ""}).items()}

    def _minimum(self, traffic, sides):
        """With how many tasks each side gets along at least."""
        return {side: traffic["desired"].get(side) for side in sides}

    def _outputs(self):
        containers = [target for target in ("fargate", "ec2") if target in self.sides]
        functions = {"api": "contact-manager-dev-api", "worker": "contact-manager-dev-worker"}
        traffic = {
            "parameter_name": PARAMETER,
            "alb_arn": self.balancer,
            "base_url": self.url,
            "listener_arn": self.listener,
            "rule_arns": {"api": self.rules},
            "target_group_arns": {"api": self.groups},
            "smoke_header": {"name": "x-contacts-target", "values": {target: f"secret-{target}" for target in TARGETS}},
            "cluster_names": {target: f"contact-manager-dev-{target}" for target in containers},
            "service_names": {target: {"api": "api", "worker": "worker"} for target in containers},
            "function_names": functions if "lambda" in self.sides else {},
            "alias": ALIAS,
            "most_tasks": {"api": 4, "worker": 4},
        }
        return {
            "traffic": {"value": traffic, "sensitive": True},
            "data": {"value": {"table_name": TABLE, "bucket_name": BUCKET}},
            "release": {"value": {"image": self.image, "zips": self.zips}},
        }

    def _state(self):
        if not self.deployed:
            return []
        table = {
            "name": TABLE,
            "deletion_protection_enabled": self.protected,
            "point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 35}],
        }
        resources = [
            ("aws_dynamodb_table.this", "aws_dynamodb_table", table),
            ("aws_kms_key.this", "aws_kms_key", {"description": "contacts", "deletion_window_in_days": 30}),
            ("aws_lb.this", "aws_lb", {"name": "contact-manager-dev"}),
            ("aws_s3_bucket.objects", "aws_s3_bucket", {"bucket": BUCKET, "force_destroy": not self.protected}),
        ]
        return [
            {"address": address, "type": kind, "mode": "managed", "values": values}
            for address, kind, values in resources
        ]

    def _changes(self, plan):
        if plan["destroy"]:
            return [
                {**each, "change": {"actions": ["delete"], "before": each["values"], "after": None}}
                for each in self._state()
            ]
        traffic = plan["traffic"]
        alerts = [("aws_cloudwatch_metric_alarm.live", ["update"])] if self.watched != traffic["live"] else []
        wanted = {traffic["live"], *traffic["standby"]}
        kinds = {"lambda": "aws_lambda_function", "fargate": "aws_ecs_service", "ec2": "aws_ecs_service"}
        changes = [(target, ["create"]) for target in wanted - self.sides]
        changes += [(target, ["delete"]) for target in self.sides - wanted]
        if "lambda" in wanted & self.sides and self.published != json.loads(plan["variables"].get("zips", "null")):
            changes.append(("lambda", ["update"]))
        if plan["variables"].get("image", self.image) != self.defined:
            changes += [(target, ["update"]) for target in wanted & self.sides & {"fargate", "ec2"}]
        found = alerts + [(f"{kinds[target]}.{target}", actions) for target, actions in changes]
        minimum = self._minimum(traffic, wanted)
        found += [
            (f"aws_appautoscaling_target.{side}", ["update"])
            for side in sorted(wanted & self.sides)
            if minimum[side] != self.minimum[side]
        ]
        found += [(address, [action]) for address, action in self.pending.items()]
        return [
            {"address": address, "type": address.partition(".")[0], "mode": "managed", "change": {"actions": actions}}
            for address, actions in (alerts if plan.get("only") else found)
        ]

class Failure(Exception):
    """Terraform fails and prints this."""
