#!/bin/bash
# Read by the ECS agent when the host starts. Hosts that Spot takes are drained first, and tasks do not
# reach the credentials of their host.
cat >>/etc/ecs/ecs.config <<CONFIG
ECS_CLUSTER=${cluster}
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_AWSVPC_BLOCK_IMDS=true
ECS_IMAGE_PULL_BEHAVIOR=once
CONFIG
