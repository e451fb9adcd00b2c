"""What there is in an account, as its own API tells: read back by the SDK, not out of anybody's memory."""

import functools
import json

import boto3


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
    found = []
    for cluster in client.list_clusters()["clusterArns"]:
        arns = client.list_services(cluster=cluster)["serviceArns"]
        if not arns:
            continue
        for service in client.describe_services(cluster=cluster, services=arns)["services"]:
            # A service that was deleted is remembered for a while.
            if service["status"] != "ACTIVE":
                continue
            definition = client.describe_task_definition(taskDefinition=service["taskDefinition"])
            found.append({**service, "Definition": definition["taskDefinition"]})
    return found


def parameters(client):
    found = pages(client, "describe_parameters", "Parameters")
    return {one["Name"]: client.get_parameter(Name=one["Name"])["Parameter"] for one in found}


def table(client, name):
    described = client.describe_table(TableName=name)["Table"]
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return {**described, "TimeToLive": ttl}


@functools.cache
def client(url, service):
    session = boto3.Session("test", "test", region_name="us-east-1")
    return session.client(service, endpoint_url=url)


def shown(told):
    return json.loads(json.dumps(told, default=str))


def read(url):
    dynamodb = client(url, "dynamodb")
    tables = dynamodb.list_tables()["TableNames"]
    return shown(
        {
            "load_balancers": load_balancers(client(url, "elbv2")),
            "target_groups": target_groups(client(url, "elbv2")),
            "functions": functions(client(url, "lambda")),
            "services": services(client(url, "ecs")),
            "parameters": parameters(client(url, "ssm")),
            "tables": [table(dynamodb, name) for name in tables],
        }
    )


def call(url, service, operation, arguments):
    return shown(getattr(client(url, service), operation)(**arguments))
