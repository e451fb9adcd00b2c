"""Services of ECS. moto keeps what was asked for; what became of it is told by the tests' own scheduler
(cloud/services.rs), which runs the tasks. moto itself drops half of what a service is created with, has one
deployment of it and leaves its tasks pending for ever.
"""

import copy
from datetime import datetime, timezone

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.moto_api._internal import mock_random

KEPT = {
    "capacityProviderStrategy": "capacity_provider_strategy",
    "deploymentConfiguration": "deployment_configuration",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
    "placementStrategy": "placement_strategy",
    "placementConstraints": "placement_constraints",
}

# Tasks by their ARN: those that run, and the last that stopped.
tasks = {}


def begin(service, reason="ECS deployment in progress."):
    """A deployment of the service's present definition begins."""
    now = datetime.now(timezone.utc)
    for deployment in service.deployments:
        deployment["status"] = "ACTIVE"
    service.deployments.insert(
        0,
        {
            "id": f"ecs-svc/{mock_random.randint(0, 32**12)}",
            "status": "PRIMARY",
            "taskDefinition": service.task_definition,
            "desiredCount": service.desired_count,
            "runningCount": 0,
            "pendingCount": service.desired_count,
            "failedTasks": 0,
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": reason,
            "createdAt": now,
            "updatedAt": now,
        },
    )
    count(service)


def count(service):
    service.running_count = sum(one["runningCount"] for one in service.deployments)
    service.pending_count = sum(one["pendingCount"] for one in service.deployments)


create_service_now = EC2ContainerServiceResponse.create_service


def create_service(response):
    result = create_service_now(response)
    service = result.result["service"]
    # A strategy takes the place of a launch type.
    if response._get_param("capacityProviderStrategy"):
        service.launch_type = None
    for name, attribute in KEPT.items():
        setattr(service, attribute, response._get_param(name))
    service.deployments = []
    begin(service)
    return result


EC2ContainerServiceResponse.create_service = create_service

update_service_now = EC2ContainerServiceBackend.update_service


def update_service(backend, properties):
    forced = properties.pop("force_new_deployment", False)
    service = update_service_now(backend, properties)
    primary = service.deployments[0]
    primary["desiredCount"] = service.desired_count
    if forced or primary["taskDefinition"] != service.task_definition:
        begin(service)
    count(service)
    return service


EC2ContainerServiceBackend.update_service = update_service


def list_tasks(response):
    cluster = (response._get_param("cluster") or "default").rpartition("/")[2]
    service = (response._get_param("serviceName") or "").rpartition("/")[2]
    status = response._get_param("desiredStatus") or "RUNNING"
    arns = [
        arn
        for arn, task in tasks.items()
        if task["clusterArn"].rpartition("/")[2] == cluster
        and (not service or task["group"] == f"service:{service}")
        and task["desiredStatus"] == status
    ]
    return ActionResult({"taskArns": arns})


EC2ContainerServiceResponse.list_tasks = list_tasks


def describe_tasks(response):
    asked = response._get_param("tasks", [])
    return ActionResult({"tasks": [tasks[arn] for arn in asked if arn in tasks], "failures": []})


EC2ContainerServiceResponse.describe_tasks = describe_tasks


def find(arn):
    for account in ecs_backends.values():
        for region in account.values():
            for service in region.services.values():
                if service.arn == arn:
                    return service
    return None


def scheduled(report):
    """What the scheduler has done: how each deployment is, which tasks there are, and which deployment is given
    up for the definition before. Whether that changes a service."""
    changes = [told for told in report["services"] if (service := find(told["arn"])) and follow(service, told)]
    tasks.clear()
    for task in report["tasks"]:
        if "stoppedAt" in task:
            task["stoppedAt"] = datetime.fromtimestamp(task["stoppedAt"], timezone.utc)
        tasks[task["taskArn"]] = task
    return bool(changes)


def follow(service, told):
    before = copy.deepcopy(service.deployments)
    for deployment in service.deployments:
        deployment.update(told["deployments"].get(deployment["id"], {}))
    service.deployments = [
        one for one in service.deployments if one["status"] == "PRIMARY" or one["runningCount"] + one["pendingCount"]
    ]
    back = told.get("back")
    if back and service.deployments[0]["id"] == back["from"]:
        service.deployments[0].update(rolloutState="FAILED", rolloutStateReason=back["reason"])
        service.task_definition = back["to"]
        begin(service, back["reason"])
    count(service)
    return service.deployments != before
