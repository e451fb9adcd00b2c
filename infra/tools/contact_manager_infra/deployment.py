"""What is deployed, as Terraform's output `traffic` and AWS tell it."""

import dataclasses
import datetime
import math
import urllib.error
import urllib.request

import boto3
import botocore.config

from .looks import target_requests
from .outcome import Failed
from .traffic import Rules, TrafficParameter

CONTAINERS = ("fargate", "ec2")


@dataclasses.dataclass(frozen=True)
class Deployment:
    """The outputs `traffic`, `data` and `release` of an environment."""

    table: str
    bucket: str
    parameter_name: str
    alb_arn: str
    base_url: str
    rule_arns: list
    groups: dict
    smoke_header: dict
    clusters: dict
    services: dict
    functions: dict
    alias: str
    # What the services scale on: this many requests of a minute are one task's share.
    requests_per_task: float
    # How many tasks a service may have.
    most_tasks: dict
    # The image and the zips.
    release: dict

    @classmethod
    def of(cls, outputs):
        """None where nothing is deployed."""
        value = outputs.get("traffic")
        if not value:
            return None
        # It may be missing where an apply or a destroy got stuck.
        data = outputs.get("data") or {}
        try:
            return cls(
                table=data.get("table_name"),
                bucket=data.get("bucket_name"),
                parameter_name=value["parameter_name"],
                alb_arn=value["alb_arn"],
                base_url=value["base_url"].rstrip("/"),
                rule_arns=[arn for arns in value["rule_arns"].values() for arn in arns],
                groups=value["target_group_arns"],
                smoke_header=value["smoke_header"],
                clusters=value["cluster_names"],
                services=value["service_names"],
                functions=value["function_names"] or {},
                alias=value["alias"],
                requests_per_task=value.get("requests_per_task", 1000),
                most_tasks=value.get("most_tasks") or {},
                release=outputs.get("release") or {},
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise Failed(f"Terraform's outputs are not what this program knows: {error!r}") from None

    @property
    def region(self):
        return self.alb_arn.split(":")[3]

    @property
    def account(self):
        return self.alb_arn.split(":")[4]

    @property
    def lock_name(self):
        return f"{self.parameter_name.rpartition('/')[0]}/switch"

    def groups_of(self, target):
        """The target groups of one target, by service."""
        return {service: groups[target] for service, groups in self.groups.items()}


class Aws:
    """The clients. All honour AWS_ENDPOINT_URL and its kin."""

    def __init__(self, deployment):
        config = botocore.config.Config(
            region_name=deployment.region,
            connect_timeout=5,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 6},
        )
        session = boto3.session.Session()
        self.client = lambda name: session.client(name, config=config)
        self.ssm, self.elb, self.cloudwatch, self.ecs, self.functions, self.s3 = map(
            self.client, ("ssm", "elbv2", "cloudwatch", "ecs", "lambda", "s3")
        )
        self.follow(deployment)

    def follow(self, deployment):
        self.parameter = TrafficParameter(self.ssm, deployment.parameter_name)
        target_of_group = {arn: target for groups in deployment.groups.values() for target, arn in groups.items()}
        self.rules = Rules(self.elb, deployment.rule_arns, target_of_group)


class Side:
    """One target of a deployment, as far as it can be seen from outside."""

    def __init__(self, deployment, aws, target):
        self.deployment, self.aws, self.target = deployment, aws, target
        # Answers of 5xx that the smoke test got, and when it ended: they will show in the metrics of that time.
        self.smoke_errors, self.smoked = 0, None

    def services(self):
        """The ECS services, by their names in the configuration."""
        names = self.deployment.services.get(self.target) or {}
        if not names:
            return {}
        answer = self.aws.ecs.describe_services(
            cluster=self.deployment.clusters[self.target], services=list(names.values())
        )
        found = {service["serviceName"]: service for service in answer["services"] if service["status"] == "ACTIVE"}
        return {name: found[real] for name, real in names.items() if real in found}

    def running(self):
        """How many tasks a side in the place of this one needs."""
        if self.target in CONTAINERS:
            counts = {name: service["runningCount"] for name, service in self.services().items()}
            return {name: count for name, count in counts.items() if count}
        now = datetime.datetime.now(datetime.UTC)
        minutes = {}
        for group in self.deployment.groups_of(self.target).values():
            answer = self.aws.cloudwatch.get_metric_data(
                MetricDataQueries=[target_requests(self.deployment.alb_arn, group).query(0)],
                StartTime=now - datetime.timedelta(minutes=15),
                EndTime=now,
            )
            for result in answer["MetricDataResults"]:
                for minute, requests in zip(result["Timestamps"], result["Values"], strict=True):
                    minutes[minute] = minutes.get(minute, 0) + requests
        return {"api": max(1, math.ceil(max(minutes.values(), default=0) / self.deployment.requests_per_task))}

    def unready(self):
        """Why it cannot take traffic yet, or None."""
        if self.target in CONTAINERS:
            services = self.services()
            if not services:
                return f"{self.target} has no ECS services"
            for name, service in services.items():
                if service["runningCount"] < service["desiredCount"]:
                    return f"{service['runningCount']} of {service['desiredCount']} tasks of {name} run"
            return self.unhealthy({name: service["desiredCount"] for name, service in services.items()})
        for function in self.deployment.functions.values():
            state = self.aws.functions.get_function_configuration(
                FunctionName=function, Qualifier=self.deployment.alias
            )
            if state.get("State", "Active") != "Active":
                return f"function {function} is {state['State']}: {state.get('StateReason', 'no reason given')}"
        return self.unhealthy()

    def unhealthy(self, wanted=None):
        """Why the load balancer sends it no traffic, or not to as many targets as `wanted` of a service; or None."""
        for service, group in self.deployment.groups_of(self.target).items():
            targets = self.aws.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            states = [target["TargetHealth"] for target in targets]
            # Functions may go without health checks.
            healthy = sum(
                state["State"] == "healthy" or state.get("Reason") == "Target.HealthCheckDisabled" for state in states
            )
            if healthy < (wanted or {}).get(service, 1):
                others = sorted({state.get("Description") or state["State"] for state in states} - {"healthy"})
                why = f" ({'; '.join(others)})" if others else ""
                return f"{healthy} of {len(states)} targets of {self.target} are healthy{why}"
        return None

    def smoke(self):
        """What is wrong with its answers through the load balancer, or None."""
        for path, wanted in (("/health", 200), ("/ready", 200), ("/v1/books", 401)):
            got = self._get(path)
            self.smoked = datetime.datetime.now(datetime.UTC)
            if got != wanted:
                return f"GET {path} of {self.target} was answered {got}, not {wanted}"
        return None

    def _get(self, path):
        name, value = self.deployment.smoke_header["name"], self.deployment.smoke_header["values"][self.target]
        request = urllib.request.Request(self.deployment.base_url + path, headers={name: value})
        try:
            with _opener.open(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            self.smoke_errors += error.code >= 500
            return error.code
        except (OSError, ValueError) as error:
            return f"not at all ({getattr(error, 'reason', error)})"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments):
        return None


# A redirect is an answer, and not the wanted one.
_opener = urllib.request.build_opener(_NoRedirect)
