"""moto's server, with services of ECS that run at once what they are told to run: moto's own say for ever that they
run what they began with."""

from moto import server
from moto.ecs.models import EC2ContainerServiceBackend

update_now = EC2ContainerServiceBackend.update_service


def update_service(backend, properties):
    service = update_now(backend, properties)
    for deployment in service.deployments:
        deployment["taskDefinition"] = service.task_definition
    return service


EC2ContainerServiceBackend.update_service = update_service
server.main()
