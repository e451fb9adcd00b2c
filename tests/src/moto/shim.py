"""What Terraform and `make switch` ask of AWS, and moto 5.2.5 forgets or does not answer.

Each piece says what is missing. It adds answers and keeps what was sent; it decides nothing.
"""

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer
from moto.sqs.models import Queue

# A queue's RedriveAllowPolicy is taken and never shown again: Terraform waits for it in vain.
queue_attributes = Queue.attributes.fget


def attributes(queue):
    shown = queue_attributes(queue)
    if getattr(queue, "redrive_allow_policy", None):
        shown["RedriveAllowPolicy"] = queue.redrive_allow_policy
    return shown


Queue.attributes = property(attributes)
Queue.redrive_allow_policy = None
Queue.FIFO_ATTRIBUTES = [*Queue.FIFO_ATTRIBUTES, "RedriveAllowPolicy"]

# Every registered target is healthy at once; here it is what the tests' load balancer has seen.
health = {}

describe_target_health_now = ELBv2Backend.describe_target_health


def describe_target_health(backend, target_group_arn, targets):
    answers = describe_target_health_now(backend, target_group_arn, targets)
    for answer in answers:
        seen = health.get(target_group_arn, {}).get(answer.instance_id)
        if seen is not None:
            answer.status = seen
    return answers


ELBv2Backend.describe_target_health = describe_target_health

# The name of a load balancer resolves to nothing; here it is where the tests' own one listens.
front = {}
load_balancer_now = FakeLoadBalancer.__init__


def load_balancer(balancer, *arguments, **named):
    load_balancer_now(balancer, *arguments, **named)
    balancer.dns_name = front.get("address", balancer.dns_name)


FakeLoadBalancer.__init__ = load_balancer

# A changed launch template makes Terraform ask for an instance refresh. No instance is here to be refreshed.
AutoScalingResponse.start_instance_refresh = lambda self: ActionResult(
    {"InstanceRefreshId": "00000000-0000-4000-8000-000000000000"}
)
AutoScalingResponse.describe_instance_refreshes = lambda self: ActionResult({"InstanceRefreshes": []})

# A scalable target that is gone, to a client that asks a second time, is a wrong request instead of one not found.
deregister_now = ApplicationAutoscalingBackend.deregister_scalable_target


def deregister(backend, *arguments, **named):
    try:
        deregister_now(backend, *arguments, **named)
    except AWSValidationException as gone:
        if "No scalable target found" not in str(gone.message):
            raise


ApplicationAutoscalingBackend.deregister_scalable_target = deregister
