"""What there is in an account, as its own API tells: read back by the SDK, not out of anybody's memory."""

import functools
import json

import boto3
from botocore.config import Config
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.common_models import BaseModel
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.utilities.tagging_service import TaggingService

READER = "reads-what-was-applied"
# Of these services something is read.
SERVICES = {"dynamodb", "ecs", "elasticloadbalancing", "lambda", "ssm"}


class Account:
    """Reading all of it takes moto longer than anything else, so it is read again only after somebody else has
    asked one of the services for something."""

    def __init__(self):
        self.asked = 0
        self.read_at = None
        self.contents = None
        self.empty = None

    def changed(self):
        self.asked += 1

    def read(self, url):
        now = self.asked
        if now != self.read_at:
            self.contents = contents(url)
            self.read_at = now
        if self.empty is None:
            # What every account has comes with the first question to a service.
            for service in ("ec2", "events", "iam", "scheduler", "sns"):
                get_backend(service)[DEFAULT_ACCOUNT_ID]["aws" if service == "iam" else "us-east-1"]
            self.empty = held()
        return {**self.contents, "added": sorted(held() - self.empty)}


def held():
    """Everything that the services hold, as far as moto remembers it: more than they would list."""
    return {
        f"{service.service_name}.{name}"
        for service in list(BackendDict._instances)
        for regions in list(service.values())
        for backend in list(regions.values())
        for name in names(backend)
    }


def collects(value):
    if isinstance(value, (dict, list, set)):
        return True
    if isinstance(value, (BaseBackend, BaseModel, TaggingService)):
        return False
    return type(value).__module__.startswith("moto.") and hasattr(value, "__dict__")


def names(value):
    """The ways to what a collection holds in the end, through others: an empty one holds nothing."""
    if isinstance(value, (list, set)):
        yield from (type(each).__name__ for each in list(value) if not is_gone(each))
        return
    if not isinstance(value, dict):
        value = {name: each for name, each in vars(value).items() if collects(each)}
    for name, each in list(value.items()):
        if collects(each):
            yield from (f"{name}.{rest}" for rest in names(each))
        elif each is not None and not is_gone(each):
            yield str(name)


def is_gone(value):
    """Some of what was deleted can be described for a while, as on AWS."""
    states = (getattr(value, name, "") for name in ("status", "state"))
    states = (str(getattr(state, "name", state)).lower() for state in states)
    return any(state in ("deleted", "inactive", "terminated") for state in states)


account = Account()
dispatch_now = DomainDispatcherApplication.__call__


def dispatch(application, environ, start_response):
    answer = dispatch_now(application, environ, start_response)
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
    if READER not in environ.get("HTTP_USER_AGENT", "") and len(scope) > 3 and scope[3] in SERVICES:
        account.changed()
    return answer


DomainDispatcherApplication.__call__ = dispatch


def pages(client, operation, key, **arguments):
    return client.get_paginator(operation).paginate(**arguments).build_full_result()[key]


def load_balancers(client):
    found = []
    for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        listeners = pages(client, "describe_listeners", "Listeners", LoadBalancerArn=arn)
        for listener in listeners:
            rules = client.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            listener["Rules"] = rules
        found.append({**balancer, "Listeners": listeners})
    return found


def target_groups(client):
    groups = pages(client, "describe_target_groups", "TargetGroups")
    for group in groups:
        arn = {"TargetGroupArn": group["TargetGroupArn"]}
        attributes = client.describe_target_group_attributes(**arn)["Attributes"]
        group["Attributes"] = {one["Key"]: one["Value"] for one in attributes}
        health = client.describe_target_health(**arn)["TargetHealthDescriptions"]
        group["Targets"] = [one["Target"] for one in health]
    return groups


def functions(client):
    found = pages(client, "list_functions", "Functions")
    for function in found:
        name = {"FunctionName": function["FunctionName"]}
        function["Aliases"] = client.list_aliases(**name)["Aliases"]
        versions = client.list_versions_by_function(**name)["Versions"]
        function["Versions"] = {one["Version"]: one for one in versions}
        function["EventSources"] = client.list_event_source_mappings(**name)["EventSourceMappings"]
    return found


def services(client):
    found, definitions = [], {}
    for cluster in client.list_clusters()["clusterArns"]:
        arns = client.list_services(cluster=cluster)["serviceArns"]
        if not arns:
            continue
        for service in client.describe_services(cluster=cluster, services=arns)["services"]:
            # A service that was deleted is remembered for a while.
            if service["status"] != "ACTIVE":
                continue
            for deployment in service["deployments"]:
                arn = deployment["taskDefinition"]
                definitions[arn] = client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            found.append(service)
    return found, definitions


def parameters(client):
    # Hundreds are AWS's own.
    ours = [{"Key": "Name", "Option": "BeginsWith", "Values": ["/contact-manager"]}]
    found = pages(client, "describe_parameters", "Parameters", ParameterFilters=ours)
    return {one["Name"]: client.get_parameter(Name=one["Name"])["Parameter"] for one in found}


def table(client, name):
    described = client.describe_table(TableName=name)["Table"]
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return {**described, "TimeToLive": ttl}


@functools.cache
def client(url, service, who=READER):
    session = boto3.Session("test", "test", region_name="us-east-1")
    return session.client(service, endpoint_url=url, config=Config(user_agent_extra=who))


def shown(told):
    return json.loads(json.dumps(told, default=str))


def contents(url):
    dynamodb = client(url, "dynamodb")
    running, definitions = services(client(url, "ecs"))
    tables = dynamodb.list_tables()["TableNames"]
    return shown(
        {
            "load_balancers": load_balancers(client(url, "elbv2")),
            "target_groups": target_groups(client(url, "elbv2")),
            "functions": functions(client(url, "lambda")),
            "services": running,
            "definitions": definitions,
            "parameters": parameters(client(url, "ssm")),
            "tables": [table(dynamodb, name) for name in tables],
        }
    )


def call(url, service, operation, arguments):
    return shown(getattr(client(url, service, "acts"), operation)(**arguments))
