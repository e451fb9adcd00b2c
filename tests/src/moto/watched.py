"""What moto 5.2.5 lacks of Amazon Managed Service for Prometheus and of CloudWatch's alarms and saved queries, and what
was applied to Prometheus, to the alarms and to SNS."""

import json
import uuid

import yaml
from moto.amp import urls
from moto.amp.models import Workspace
from moto.amp.responses import PrometheusServiceResponse
from moto.cloudwatch.models import Alarm
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.exceptions import JsonRESTError
from moto.logs.responses import LogsResponse

from applied import client, pages, shown

# A workspace has an address of AWS; here it is where the tests' own front listens.
front = {}
workspace_now = Workspace.__init__


def workspace(made, *arguments, **named):
    workspace_now(made, *arguments, **named)
    made.definition = None
    if "address" in front:
        made.endpoint = f"http://{front['address']}/workspaces/{made.workspace_id}/"


Workspace.__init__ = workspace

# Nothing answers for the definition of the Alertmanager.
class NoDefinition(JsonRESTError):
    code = 404

    def __init__(self):
        super().__init__("ResourceNotFoundException", "Alert manager definition not found")


def put_definition(response):
    found = response.amp_backend.describe_workspace(response.path.split("/")[-3])
    found.definition = json.loads(response.body)["data"]
    return 202, {}, json.dumps({"status": {"statusCode": "ACTIVE"}})


def describe_definition(response):
    found = response.amp_backend.describe_workspace(response.path.split("/")[-3])
    if found.definition is None:
        raise NoDefinition()
    told = {"data": found.definition, "status": {"statusCode": "ACTIVE"}, "createdAt": 0, "modifiedAt": 0}
    return json.dumps({"alertManagerDefinition": told})


def delete_definition(response):
    response.amp_backend.describe_workspace(response.path.split("/")[-3]).definition = None
    return 202, {}, "{}"


PrometheusServiceResponse.create_alert_manager_definition = put_definition
PrometheusServiceResponse.put_alert_manager_definition = put_definition
PrometheusServiceResponse.describe_alert_manager_definition = describe_definition
PrometheusServiceResponse.delete_alert_manager_definition = delete_definition
path = "{0}/workspaces/(?P<workspace_id>[^/]+)/alertmanager/definition$"
urls.url_paths[path] = PrometheusServiceResponse.dispatch

# A composite alarm is kept as any other, and nothing answers to make one.
CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm
Alarm.alarm_rule = property(lambda alarm: alarm.rule)


# Nothing answers for the queries of Logs Insights that somebody saves.
def queries(response):
    return vars(response.logs_backend).setdefault("query_definitions", {})


def put_query(response):
    kept = {name: response._get_param(name) for name in ("name", "queryString", "logGroupNames")}
    kept["queryDefinitionId"] = response._get_param("queryDefinitionId") or str(uuid.uuid4())
    queries(response)[kept["queryDefinitionId"]] = kept
    return json.dumps({"queryDefinitionId": kept["queryDefinitionId"]})


def describe_queries(response):
    prefix = response._get_param("queryDefinitionNamePrefix") or ""
    found = [kept for kept in queries(response).values() if kept["name"].startswith(prefix)]
    return json.dumps({"queryDefinitions": found})


def delete_query(response):
    gone = queries(response).pop(response._get_param("queryDefinitionId"), None)
    return json.dumps({"success": gone is not None})


LogsResponse.put_query_definition = put_query
LogsResponse.describe_query_definitions = describe_queries
LogsResponse.delete_query_definition = delete_query


def read(url):
    """The workspace with its rules and the Alertmanager's definition as text, the alarms, and who may publish to
    which topic."""
    amp, cloudwatch, sns = (client(url, service) for service in ("amp", "cloudwatch", "sns"))
    workspaces = []
    for one in pages(amp, "list_workspaces", "workspaces"):
        of = {"workspaceId": one["workspaceId"]}
        names = [found["name"] for found in pages(amp, "list_rule_groups_namespaces", "ruleGroupsNamespaces", **of)]
        rules = {name: amp.describe_rule_groups_namespace(name=name, **of) for name in names}
        rules = {name: told["ruleGroupsNamespace"]["data"].decode() for name, told in rules.items()}
        definition = amp.describe_alert_manager_definition(**of)["alertManagerDefinition"]["data"].decode()
        # One document wraps the other and its templates.
        definition = yaml.safe_load(definition)
        workspaces.append({"arn": one["arn"], "rules": rules, "definition": definition})
    alarms = cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    alarms = alarms.build_full_result()
    arns = [topic["TopicArn"] for topic in pages(sns, "list_topics", "Topics")]
    policies = {arn: json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]) for arn in arns}
    return shown({"workspaces": workspaces, "alarms": alarms, "policies": policies})
