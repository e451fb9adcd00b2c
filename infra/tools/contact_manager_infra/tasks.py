"""Tasks that ECS has replaced by new ones: looked at where they are live, and taken back if need be."""

from . import looks
from .deployment import CONTAINERS, Side
from .release import in_a_row, release
from .rollout import Rollout, definition_of


def definitions(deployment, aws):
    """What every service runs, by its ARN."""
    return {service["serviceArn"]: definition_of(service) for service in _services(deployment, aws)}


def bring(deployment, aws, times, pause, live, ran):
    """Waits for the rollouts of all services, and looks at those that are live. `ran` says what they ran before."""
    _await(deployment, aws, times, pause)
    cluster = deployment.clusters.get(live, "")
    if any(service["clusterArn"].endswith(f"/{cluster}") for service, _old in _moved(deployment, aws, ran)):
        release(Tasks(deployment, aws, live, ran), times, pause)
    for _service, old in _moved(deployment, aws, ran):
        # What a release went back to was registered here, and nobody else takes it away.
        if aws.ecs.describe_task_definition(taskDefinition=old)["taskDefinition"]["status"] == "ACTIVE":
            aws.ecs.deregister_task_definition(taskDefinition=old)


def take_back(deployment, aws, ran):
    """Has every service run what it ran, and notes in `ran` under which name. Terraform has deregistered that, and ECS
    takes no service back to a revision that is: so it is registered anew.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html"""
    known = aws.ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    for service, old in _moved(deployment, aws, ran):
        told = aws.ecs.describe_task_definition(taskDefinition=old, include=["TAGS"])
        given = {name: value for name, value in told["taskDefinition"].items() if name in known}
        tags = {"tags": told["tags"]} if told.get("tags") else {}
        again = aws.ecs.register_task_definition(**given, **tags)["taskDefinition"]["taskDefinitionArn"]
        aws.ecs.update_service(cluster=service["clusterArn"], service=service["serviceName"], taskDefinition=again)
        ran[service["serviceArn"]] = again


class Tasks:
    """A release of which ECS has made the only step."""

    shares = (100,)

    def __init__(self, deployment, aws, live, ran):
        self.deployment, self.aws, self.live, self.ran = deployment, aws, live, ran
        self.view = looks.Looks(aws.cloudwatch)
        self.names = [old.rpartition("/")[2].rpartition(":") for _service, old in _moved(deployment, aws, ran)]

    def begin(self):
        self.view.add(*looks.of_target(self.deployment, self.live, self.live))

    def give(self, share):
        """ECS has."""

    def take_back(self):
        take_back(self.deployment, self.aws, self.ran)

    def settle(self, times, pause):
        _await(self.deployment, self.aws, times, pause)

    def old(self):
        return in_a_row([f"revision {revision} of {family}" for family, _colon, revision in self.names])


def _services(deployment, aws):
    return [service for target in CONTAINERS for service in Side(deployment, aws, target).services().values()]


def _moved(deployment, aws, ran):
    """The services that run something else than they ran, and what that was."""
    found = [(service, ran.get(service["serviceArn"])) for service in _services(deployment, aws)]
    return [(service, old) for service, old in found if old and old != definition_of(service)]


def _await(deployment, aws, times, pause):
    for target in CONTAINERS:
        Rollout(aws, Side(deployment, aws, target)).wait(times, pause)
