"""A small AWS to run the commands against: what is in moto's account, and a Terraform that is a few lines."""

import datetime
import json
import os
import pathlib
import tempfile
import threading
import time
import traceback
import types

from front import serve_front, serve_terraform
from packages import program, zipped
from running import SWITCH_AT_ONCE, Command, Moto

from contact_manager_infra import zips
from contact_manager_infra.traffic import TARGETS, all_on

PARAMETER = "/contact-manager/dev/traffic"
LOCK = "/contact-manager/dev/switch"
ALIAS = "live"
BUCKET = "contact-manager-dev-objects"
TABLE = "contact-manager-dev-contacts"
IMAGE = "example.com/contact-manager@sha256:" + "0" * 64


class World:
    """One environment, `dev`."""

    def __init__(self, test, live="lambda", deployed=True):
        Moto.reset()
        self.target = live
        self.tasks, self.zips, self.published = 1, None, None
        self.sides, self.minimum, self.wrongs, self.commands = set(), {}, [], []
        self.state_lock = threading.Lock()
        self.protected = self.outputs_change = False
        # Changes of resources that no side has, by their addresses, which wait for an apply.
        self.pending = {}
        # What tests put in the way: of Terraform, and of the front.
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

    # What a test looks at.

    def traffic(self):
        return json.loads(self.aws("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"])

    def lock(self):
        try:
            return json.loads(self.aws("ssm").get_parameter(Name=LOCK)["Parameter"]["Value"])
        except self.aws("ssm").exceptions.ParameterNotFound:
            return None

    def actions(self):
        found = {rule["RuleArn"]: rule for rule in self.aws("elbv2").describe_rules(RuleArns=self.rules)["Rules"]}
        return [found[rule]["Actions"] for rule in self.rules]

    def weights(self):
        """The weights of every rule."""
        targets = {arn: target for target, arn in self.groups.items()}
        return [
            {targets[group["TargetGroupArn"]]: group["Weight"] for group in actions[0]["ForwardConfig"]["TargetGroups"]}
            for actions in self.actions()
        ]

    def alias(self, function="contact-manager-dev-api"):
        found = self.aws("lambda").get_alias(FunctionName=function, Name=ALIAS)
        return found["FunctionVersion"], (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}

    # What CloudWatch would be told.

    def errors(self, target, count=1, minutes=0, since=None):
        self._metric("HTTPCode_Target_5XX_Count", count, self._dimensions(target), minutes, since=since)

    def balancer_errors(self, count=1, code=502):
        self._metric(f"HTTPCode_ELB_{code}_Count", count, self._dimensions(), 0)
        self._metric("HTTPCode_ELB_5XX_Count", count, self._dimensions(), 0)

    def requests(self, target, count, minutes):
        self._metric("RequestCount", count, self._dimensions(target), minutes)

    def function_errors(self, version, count=1):
        """What Lambda would report of a version: apart from the other one only while the alias names two."""
        alias = [
            {"Name": "FunctionName", "Value": "contact-manager-dev-api"},
            {"Name": "Resource", "Value": "contact-manager-dev-api:live"},
        ]
        self._metric("Errors", count, alias, 0, "AWS/Lambda")
        if self.alias()[1]:
            self._metric("Errors", count, [*alias, {"Name": "ExecutedVersion", "Value": version}], 0, "AWS/Lambda")

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

    def apply(self, plan):
        """Builds what a plan says: the sides that are live or on standby, and the weights of the rules."""
        traffic = plan["traffic"]
        if not self.deployed:
            self.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Type="String")
            self.deployed = True
        wanted = set() if plan["destroy"] else {traffic["live"], *traffic["standby"]}
        if "variables" in plan:
            self.zips = json.loads(plan["variables"].get("zips", "null"))
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
        if command in ("plan", "apply"):
            self.commands.append((command, variables))
        try:
            if command == "output":
                return 0, json.dumps(self._outputs() if self.deployed else {})
            if command == "show" and options[-1] == "-json":
                return 0, json.dumps({"values": {"root_module": {"resources": self._state()}}})
            if command == "show":
                plan = json.loads(pathlib.Path(options[-1]).read_text())
                released = not plan["destroy"] and json.loads(plan["variables"].get("zips", "null")) != self.zips
                changed = "update" if self.outputs_change or released else "no-op"
                outputs = {"release": {"actions": [changed]}}
                shown = {"resource_changes": self._changes(plan), "output_changes": outputs}
                return 0, json.dumps({**shown, "variables": {"architecture": {"value": "x86_64"}}})
            # As the state's lock: a Terraform whose command was killed ends first.
            with self.state_lock:
                if command == "plan":
                    plan = self.plan(variables, destroy="-destroy" in options)
                    self.before_terraform("plan", plan)
                    (out,) = [each[5:] for each in options if each.startswith("-out=")]
                    pathlib.Path(out).write_text(json.dumps(plan))
                if command == "apply":
                    plan = json.loads(pathlib.Path(options[-1]).read_text())
                    self.before_terraform("apply", plan)
                    self.apply(plan)
            return 0, ""
        except Failure as failure:
            return 1, f"Error: {failure}\n"
        except Exception:
            return 1, traceback.format_exc()

    # How it is made.

    def aws(self, name):
        """A client for the tests."""
        return (Moto.own if os.getpid() == Moto.pid else Moto.befores)[name]

    def _make(self):
        elb = self.aws("elbv2")
        subnets = [subnet["SubnetId"] for subnet in self.aws("ec2").describe_subnets()["Subnets"][:2]]
        vpc = self.aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        (balancer,) = elb.create_load_balancer(Name="contact-manager-dev", Subnets=subnets)["LoadBalancers"]
        self.balancer = balancer["LoadBalancerArn"]
        self.groups = {}
        for target in TARGETS:
            kind = (
                {"TargetType": "lambda"}
                if target == "lambda"
                else {"TargetType": "ip", "Protocol": "HTTP", "Port": 8080, "VpcId": vpc}
            )
            self.groups[target] = elb.create_target_group(Name=f"dev-{target}", **kind)["TargetGroups"][0][
                "TargetGroupArn"
            ]
        self.listener = elb.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        )["Listeners"][0]["ListenerArn"]
        self.rules = [
            elb.create_rule(
                ListenerArn=self.listener,
                Priority=1050 + index,
                Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": patterns}}],
                Actions=[
                    {
                        "Type": "forward",
                        "ForwardConfig": {
                            "TargetGroups": [
                                {"TargetGroupArn": arn, "Weight": all_on(self.target)[target]}
                                for target, arn in self.groups.items()
                            ],
                            "TargetGroupStickinessConfig": {"Enabled": False},
                        },
                    }
                ],
            )["Rules"][0]["RuleArn"]
            for index, patterns in enumerate((["/v1/*", "/health", "/ready"], ["/docs"]))
        ]
        self.aws("s3").create_bucket(Bucket=BUCKET)
        self.aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.role = self.aws("iam").create_role(RoleName="dev", AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def _build(self, target):
        elb = self.aws("elbv2")
        if target == "lambda":
            for name in ("api", "worker"):
                function = self.aws("lambda").create_function(
                    FunctionName=f"contact-manager-dev-{name}",
                    Runtime="provided.al2023",
                    Handler="bootstrap",
                    Role=self.role,
                    Code={"ZipFile": self._given()[name].read_bytes()},
                    Publish=True,
                )
                alias = self.aws("lambda").create_alias(
                    FunctionName=function["FunctionName"], Name=ALIAS, FunctionVersion=function["Version"]
                )
                if name == "api":
                    elb.register_targets(TargetGroupArn=self.groups[target], Targets=[{"Id": alias["AliasArn"]}])
            self.published = self.zips
            return
        cluster = f"contact-manager-dev-{target}"
        self.aws("ecs").create_cluster(clusterName=cluster)
        for name in ("api", "worker"):
            definition = self.define(target, name)
            self.aws("ecs").create_service(
                cluster=cluster, serviceName=name, taskDefinition=definition, desiredCount=self.tasks
            )
        elb.register_targets(TargetGroupArn=self.groups[target], Targets=[{"Id": "10.0.0.10", "Port": 8080}])

    def define(self, target, name):
        """A new revision of a task definition."""
        return self.aws("ecs").register_task_definition(
            family=f"contact-manager-dev-{target}-{name}",
            containerDefinitions=[{"name": name, "image": IMAGE, "memory": 256}],
        )["taskDefinition"]["taskDefinitionArn"]

    def _remove(self, target):
        if target == "lambda":
            for name in ("api", "worker"):
                self.aws("lambda").delete_function(FunctionName=f"contact-manager-dev-{name}")
        else:
            for name in ("api", "worker"):
                self.aws("ecs").delete_service(cluster=f"contact-manager-dev-{target}", service=name, force=True)
        described = self.aws("elbv2").describe_target_health(TargetGroupArn=self.groups[target])
        for each in described["TargetHealthDescriptions"]:
            self.aws("elbv2").deregister_targets(
                TargetGroupArn=self.groups[target], Targets=[{"Id": each["Target"]["Id"]}]
            )

    def _publish(self):
        if self.published != self.zips:
            for name, file in self._given().items():
                self.aws("lambda").update_function_code(
                    FunctionName=f"contact-manager-dev-{name}", ZipFile=file.read_bytes(), Publish=True
                )
            self.published = self.zips

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
        }
        return {
            "traffic": {"value": traffic, "sensitive": True},
            "data": {"value": {"table_name": TABLE, "bucket_name": BUCKET}},
            "release": {"value": {"image": IMAGE, "zips": self.zips}},
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
        wanted = {traffic["live"], *traffic["standby"]}
        kinds = {"lambda": "aws_lambda_function", "fargate": "aws_ecs_service", "ec2": "aws_ecs_service"}
        changes = [(target, ["create"]) for target in wanted - self.sides]
        changes += [(target, ["delete"]) for target in self.sides - wanted]
        if "lambda" in wanted & self.sides and self.published != json.loads(plan["variables"].get("zips", "null")):
            changes.append(("lambda", ["update"]))
        found = [(f"{kinds[target]}.{target}", actions) for target, actions in changes]
        minimum = self._minimum(traffic, wanted)
        found += [
            (f"aws_appautoscaling_target.{side}", ["update"])
            for side in sorted(wanted & self.sides)
            if minimum[side] != self.minimum[side]
        ]
        found += [(address, [action]) for address, action in self.pending.items()]
        return [
            {"address": address, "type": address.partition(".")[0], "mode": "managed", "change": {"actions": actions}}
            for address, actions in found
        ]

    def _dimensions(self, target=None):
        group = [{"Name": "TargetGroup", "Value": self.groups[target].rpartition(":")[2]}] if target else []
        return [*group, {"Name": "LoadBalancer", "Value": self.balancer.partition(":loadbalancer/")[2]}]

    def _metric(self, name, value, dimensions, minutes, namespace="AWS/ApplicationELB", since=None):
        moment = datetime.datetime.fromtimestamp(since or time.time(), datetime.UTC)
        moment += datetime.timedelta(minutes=minutes)
        data = {"MetricName": name, "Value": value, "Dimensions": dimensions, "Timestamp": moment, "Unit": "Count"}
        self.aws("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])


class Failure(Exception):
    """Terraform fails and prints this."""
