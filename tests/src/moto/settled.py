"""What moto 5.2.5 tells otherwise than it was told, so that Terraform would change it again at every plan.

On AWS a plan right after an apply is empty, and `make switch` moves no traffic where it is not.
"""

import json

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.autoscaling.responses import AutoScalingResponse
from moto.awslambda.models import EventSourceMapping, LambdaBackend, LambdaFunction
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.sns.responses import SNSResponse
from moto.sqs.models import Queue

# An event source that calls an alias is shown to call the alias' version of that moment.
create_mapping_now = LambdaBackend.create_event_source_mapping
shown_mapping_now = EventSourceMapping.get_configuration


def create_event_source_mapping(backend, spec):
    mapping = create_mapping_now(backend, spec)
    mapping.called = spec["FunctionName"]
    return mapping


def get_configuration(mapping):
    shown = shown_mapping_now(mapping)
    if mapping.called.startswith("arn:"):
        shown["FunctionArn"] = mapping.called
    return shown


LambdaBackend.create_event_source_mapping = create_event_source_mapping
EventSourceMapping.get_configuration = get_configuration
EventSourceMapping.called = ""

# How a function writes its logs is dropped.
new_function_now = LambdaFunction.__init__
change_function_now = LambdaFunction.update_configuration
shown_function_now = LambdaFunction.get_configuration


def new_function(function, account_id, spec, *rest, **named):
    new_function_now(function, account_id, spec, *rest, **named)
    function.logging = spec.get("LoggingConfig")


def change_function(function, config_updates):
    function.logging = config_updates.get("LoggingConfig", function.logging)
    return change_function_now(function, config_updates)


def shown_function(function, *arguments, **named):
    shown = shown_function_now(function, *arguments, **named)
    if function.logging:
        (shown.get("Configuration") or shown)["LoggingConfig"] = function.logging
    return shown


LambdaFunction.__init__ = new_function
LambdaFunction.update_configuration = change_function
LambdaFunction.get_configuration = shown_function

# The maximum of an on-demand table is dropped.
create_table_now = DynamoHandler.create_table
update_table_now = DynamoHandler.update_table
describe_now = Table.describe


def keeping_maximum(call):
    def keep(handler):
        result = call(handler)
        if maximum := handler.body.get("OnDemandThroughput"):
            handler.dynamodb_backend.get_table(handler.body["TableName"]).on_demand_throughput = maximum
        return result

    return keep


def describe(table, base_key="TableDescription"):
    shown = describe_now(table, base_key)
    if table.on_demand_throughput:
        shown[base_key]["OnDemandThroughput"] = table.on_demand_throughput
    return shown


DynamoHandler.create_table = keeping_maximum(create_table_now)
DynamoHandler.update_table = keeping_maximum(update_table_now)
Table.describe = describe
Table.on_demand_throughput = None

# A topic's signature version is kept and never shown.
topic_attributes_now = SNSResponse.get_topic_attributes


def get_topic_attributes(response):
    answer = topic_attributes_now(response)
    topic = response.backend.get_topic(response._get_param("TopicArn"))
    if version := getattr(topic, "signature_version", None):
        answer.result["Attributes"]["SignatureVersion"] = version
    return answer


SNSResponse.get_topic_attributes = get_topic_attributes

# AWS writes a redrive policy without spaces.
queue_attributes_now = Queue.attributes.fget


def attributes(queue):
    shown = queue_attributes_now(queue)
    if queue.redrive_policy:
        shown["RedrivePolicy"] = json.dumps(queue.redrive_policy, separators=(",", ":"))
    return shown


Queue.attributes = property(attributes)

# A bucket's policy is read without its conditions: one that refuses plain HTTP would refuse everybody.
FakeBucket.get_permission = lambda bucket, action, resource: PermissionResult.NEUTRAL

# A scalable target's tags are dropped.
tags = {}
register_now = ApplicationAutoScalingResponse.register_scalable_target


def register_scalable_target(response):
    answer = register_now(response)
    tags.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(response._get_param("Tags") or {})
    return answer


def tag_resource(response):
    tags.setdefault(response._get_param("ResourceARN"), {}).update(response._get_param("Tags"))
    return json.dumps({})


def untag_resource(response):
    for name in response._get_param("TagKeys"):
        tags.get(response._get_param("ResourceARN"), {}).pop(name, None)
    return json.dumps({})


ApplicationAutoScalingResponse.register_scalable_target = register_scalable_target
ApplicationAutoScalingResponse.tag_resource = tag_resource
ApplicationAutoScalingResponse.untag_resource = untag_resource
ApplicationAutoScalingResponse.list_tags_for_resource = lambda response: json.dumps(
    {"Tags": tags.get(response._get_param("ResourceARN"), {})}
)

# What a rule says of a group that it names is shown only with addresses.
SecurityGroupRule.description = property(
    lambda rule: rule.ip_range.get("Description") or (rule.source_group or {}).get("Description")
)

# A template's own tags are mixed with those that it gives to instances.
create_version_now = LaunchTemplate.create_version


def create_version(template, data, description):
    given = [each for each in data.pop("TagSpecifications", []) if each["ResourceType"] != "launch-template"]
    return create_version_now(template, data | ({"TagSpecifications": given} if given else {}), description)


LaunchTemplate.create_version = create_version

# How old the instances of a group may become is dropped.
create_group_now = AutoScalingResponse.create_auto_scaling_group
update_group_now = AutoScalingResponse.update_auto_scaling_group


def keeping_lifetime(call):
    def keep(response):
        answer = call(response)
        if (lifetime := response._get_int_param("MaxInstanceLifetime")) is not None:
            group = response.autoscaling_backend.autoscaling_groups[response._get_param("AutoScalingGroupName")]
            group.max_instance_lifetime = lifetime
        return answer

    return keep


AutoScalingResponse.create_auto_scaling_group = keeping_lifetime(create_group_now)
AutoScalingResponse.update_auto_scaling_group = keeping_lifetime(update_group_now)
