"""A small AWS to run the commands against: moto's server, a Terraform that is a few lines, and the load
balancer's front. The commands themselves run in a forked process, so that they can be killed for good."""

import atexit
import contextlib
import datetime
import http.server
import io
import json
import os
import pathlib
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
import zipfile
from unittest import mock

import boto3
import botocore.config

TOOLS = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(TOOLS))

from contact_manager_infra import __main__ as program  # noqa: E402
from contact_manager_infra.traffic import TARGETS, all_on  # noqa: E402

REGION = "us-east-1"
PARAMETER = "/contact-manager/dev/traffic"
LOCK = "/contact-manager/dev/switch"
ALIAS = "live"
IMAGE = "example.com/contact-manager@sha256:" + "0" * 64

# No waiting: every wait of the commands is for a condition that holds at once or not at all.
AT_ONCE = ["--step=0", "--look=0", "--healthy=0"]
SWITCH_AT_ONCE = [*AT_ONCE, "--standby=0", "--smoke=0", "--drain=0"]


def setUpModule():
    """Of every test module: one server for all of them, until the tests end."""
    if Moto.process is None:
        os.environ.update(
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true",
        )
        Moto.start()
        atexit.register(Moto.stop)


class Moto:
    process = None

    @classmethod
    def start(cls):
        server = pathlib.Path(sys.executable).with_name("moto_server")
        cls.log = tempfile.TemporaryFile("w+")
        cls.process = subprocess.Popen(
            [sys.executable, "-u", str(server), "--host=127.0.0.1", "--port=0"],
            stdout=cls.log,
            stderr=subprocess.STDOUT,
            # Every service has the one task that it asks for.
            env={**os.environ, "MOTO_ECS_SERVICE_RUNNING": "1"},
        )
        deadline = time.monotonic() + 60
        while True:
            cls.log.seek(0)
            text = cls.log.read()
            if "Running on http://127.0.0.1:" in text:
                break
            if cls.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto_server did not start: {text}")
            time.sleep(0.02)
        cls.url = text.partition("Running on ")[2].split()[0]
        os.environ["AWS_ENDPOINT_URL"] = cls.url
        # Made once, because that takes longer than a test. Processes must not share connections: the first
        # clients are this one's, the second those of a command, the third those of what `before` does there.
        # They try once and not six times: what fails here fails on purpose.
        session, cls.pid = boto3.session.Session(), os.getpid()
        once = botocore.config.Config(region_name=REGION, retries={"total_max_attempts": 1})
        names = ("ssm", "elbv2", "cloudwatch", "ecs", "lambda", "ec2", "iam")
        cls.own, cls.commands, cls.befores = (
            {name: session.client(name, config=once) for name in names} for _ in range(3)
        )

    @classmethod
    def stop(cls):
        cls.process.terminate()
        cls.process.wait()
        cls.log.close()

    @classmethod
    def reset(cls):
        urllib.request.urlopen(urllib.request.Request(f"{cls.url}/moto-api/reset", method="POST")).close()


class World:
    """One environment, `dev`."""

    def __init__(self, test, live="lambda", deployed=True):
        Moto.reset()
        self.target = live
        self.code, self.tasks, self.zips = 1, 1, None
        self.sides, self.wrongs, self.commands = set(), [], []
        self.state_lock = threading.Lock()
        self.protected = self.outputs_change = False
        # What tests put in the way: of Terraform, and of the front.
        self.before_terraform = lambda command, plan: None
        self.answers = {}

        self.folder = pathlib.Path(test.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "environments" / "dev").mkdir(parents=True)
        (self.folder / "environments" / "prod").mkdir()
        self._serve_terraform(test)
        self._serve_front(test)
        self._make()
        self.deployed = False
        if deployed:
            self.apply({"traffic": self.initial(), "destroy": False})

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

    def errors(self, target, count=1, minutes=0):
        """What the load balancer would report of a target."""
        self._metric("HTTPCode_Target_5XX_Count", count, self._dimensions(target), minutes)

    def balancer_errors(self, count=1):
        self._metric("HTTPCode_ELB_5XX_Count", count, self._dimensions(), 0)

    def requests(self, target, count, minutes):
        self._metric("RequestCount", count, self._dimensions(target), minutes)

    def version_errors(self, version, count=1):
        dimensions = [
            {"Name": "FunctionName", "Value": "contact-manager-dev-api"},
            {"Name": "Resource", "Value": "contact-manager-dev-api:live"},
            {"Name": "ExecutedVersion", "Value": version},
        ]
        self._metric("Errors", count, dimensions, 0, "AWS/Lambda")

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
        if not destroy and target not in [traffic["live"], *traffic["standby"]]:
            raise Failure(f"{traffic['live']} is live, and target is {target}")
        return {"traffic": traffic, "destroy": destroy, "variables": variables or {}}

    def apply(self, plan):
        """Builds what a plan says: the sides that are live or on standby, and the weights of the rules."""
        traffic = plan["traffic"]
        if not self.deployed:
            self.aws("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(traffic), Type="String")
            self.deployed = True
        wanted = set() if plan["destroy"] else {traffic["live"], *traffic["standby"]}
        for target in wanted - self.sides:
            self._build(target)
        for target in self.sides - wanted:
            if not plan["destroy"] and any(weights[target] for weights in self.weights()):
                self.wrongs.append(f"{target} was removed while it had traffic: {self.weights()}")
            self._remove(target)
        self.sides = wanted
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
                changed = "update" if self.outputs_change else "no-op"
                outputs = {"release": {"actions": [changed]}}
                return 0, json.dumps({"resource_changes": self._changes(plan), "output_changes": outputs})
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
                    Code={"ZipFile": _zip(self.code)},
                    Publish=True,
                )
                alias = self.aws("lambda").create_alias(
                    FunctionName=function["FunctionName"], Name=ALIAS, FunctionVersion=function["Version"]
                )
                if name == "api":
                    elb.register_targets(TargetGroupArn=self.groups[target], Targets=[{"Id": alias["AliasArn"]}])
            self.published = self.code
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
        if self.published != self.code:
            for name in ("api", "worker"):
                self.aws("lambda").update_function_code(
                    FunctionName=f"contact-manager-dev-{name}", ZipFile=_zip(self.code), Publish=True
                )
            self.published = self.code

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
            "release": {"value": {"image": IMAGE, "zips": self.zips}},
        }

    def _state(self):
        if not self.deployed:
            return []
        table = {"name": "contact-manager-dev", "deletion_protection_enabled": self.protected}
        resources = [
            ("aws_dynamodb_table.this", "aws_dynamodb_table", table, ["aws_kms_key.this"]),
            ("aws_kms_key.this", "aws_kms_key", {"description": "contacts", "deletion_window_in_days": 30}, []),
            ("aws_lb.this", "aws_lb", {"name": "contact-manager-dev"}, []),
        ]
        return [
            {"address": address, "type": kind, "mode": "managed", "values": values, "depends_on": depends}
            for address, kind, values, depends in resources
        ]

    def _changes(self, plan):
        traffic = plan["traffic"]
        wanted = set() if plan["destroy"] else {traffic["live"], *traffic["standby"]}
        kinds = {"lambda": "aws_lambda_function", "fargate": "aws_ecs_service", "ec2": "aws_ecs_service"}
        changes = [(target, ["create"]) for target in wanted - self.sides]
        changes += [(target, ["delete"]) for target in self.sides - wanted]
        if "lambda" in wanted & self.sides and self.published != self.code:
            changes.append(("lambda", ["update"]))
        return [
            {
                "address": f"{kinds[target]}.{target}",
                "type": kinds[target],
                "mode": "managed",
                "change": {"actions": actions},
            }
            for target, actions in changes
        ]

    def _dimensions(self, target=None):
        group = [{"Name": "TargetGroup", "Value": self.groups[target].rpartition(":")[2]}] if target else []
        return [*group, {"Name": "LoadBalancer", "Value": self.balancer.partition(":loadbalancer/")[2]}]

    def _metric(self, name, value, dimensions, minutes, namespace="AWS/ApplicationELB"):
        moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
        data = {"MetricName": name, "Value": value, "Dimensions": dimensions, "Timestamp": moment, "Unit": "Count"}
        self.aws("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])

    def _serve_terraform(self, test):
        world = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                given = [each.decode() for each in self.rfile.readline().split(b"\0")[:-1]]
                arguments = [each for each in given if each != "-no-color" and not each.startswith("TF_VAR_")]
                defaults = dict(each[7:].split("=", 1) for each in given if each.startswith("TF_VAR_"))
                code, text = world.terraform(arguments, defaults)
                with contextlib.suppress(OSError):
                    self.wfile.write(f"{code}\n{text}".encode())

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        _serve(test, server)
        binary = self.folder / "bin" / "terraform"
        binary.parent.mkdir()
        binary.write_text(TERRAFORM.format(port=server.server_address[1]))
        binary.chmod(0o755)
        path = f"{binary.parent}:{os.environ['PATH']}"
        test.enterContext(mock.patch.dict(os.environ, {"PATH": path}))

    def _serve_front(self, test):
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                chosen = self.headers.get("x-contacts-target", "").removeprefix("secret-")
                usual = {"/health": 200, "/ready": 200}.get(self.path, 401)
                self.send_response(world.answers.get((chosen, self.path), usual) if chosen in world.sides else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        _serve(test, server)
        self.url = f"http://127.0.0.1:{server.server_port}"


class Failure(Exception):
    """Terraform fails and prints this."""


class Command:
    """A command in a process of its own. `before` is called there before each call of AWS, with its name and
    parameters."""

    def __init__(self, world, arguments, before, stdin):
        self.output = tempfile.TemporaryFile("w+")
        given = tempfile.TemporaryFile("w+")
        given.write(stdin)
        given.flush()
        given.seek(0)
        environments = world.folder / "environments"
        arguments = [arguments[0], "--env=dev", *arguments[1:], f"--environments={environments}"]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid:
            given.close()
            return
        code = 99
        try:
            os.dup2(given.fileno(), 0)
            os.dup2(self.output.fileno(), 1)
            os.dup2(self.output.fileno(), 2)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
            with mock.patch("boto3.session.Session", lambda: Session(before)):
                code = program.main(arguments)
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.005)
        self.output.seek(0)
        result = Result(os.waitstatus_to_exitcode(status), self.output.read())
        self.output.close()
        return result


class Result:
    def __init__(self, code, text):
        self.code, self.text = code, text

    def __repr__(self):
        return f"exit code {self.code}:\n{self.text}"


class Session:
    """Makes clients that tell `before` of their calls."""

    def __init__(self, before):
        self.before = before

    def client(self, name, config):
        client = Moto.commands[name]
        if self.before:
            client.meta.events.register(
                "provide-client-params", lambda params, model, **_: self.before(model.name, params)
            )
        return client


def until(condition):
    """Waits for a condition."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited for 30 s in vain")
        time.sleep(0.01)


def _serve(test, server):
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)


def _zip(code):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("bootstrap", f"version {code}")
    return memory.getvalue()


TERRAFORM = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' "$@" >&3
for name in "${{!TF_VAR_@}}"; do printf '%s=%s\\0' "$name" "${{!name}}" >&3; done
printf '\\n' >&3
read -r code <&3
cat <&3
exit "$code"
"""
