# One cluster with the services of one side. What a task consists of is in tasks.tf, how many there are in
# scaling.tf, who reaches whom in network.tf.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:container_insights decides, and is on by default
  #checkov:skip=CKV_AWS_224:sessions of ECS Exec are logged to nowhere, because it is off
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights
  }

  # Before the first sample, and until after the last one: Container Insights makes the group by itself where there is
  # none, and then nothing deletes it.
  depends_on = [aws_cloudwatch_log_group.insights]
}

resource "aws_cloudwatch_log_group" "insights" {
  #checkov:skip=CKV_AWS_338:what Container Insights makes metrics of is of no use afterwards
  #checkov:skip=CKV_AWS_158:key_arn decides; without one CloudWatch encrypts by itself
  count = var.container_insights == "disabled" ? 0 : 1

  name              = "/aws/ecs/containerinsights/${var.name}/performance"
  retention_in_days = 1
  kms_key_id        = var.key_arn
}

locals {
  # A strategy cannot mix Fargate and hosts, so that each kind has a cluster of its own.
  strategy = {
    fargate = [for entry in [
      { provider = "FARGATE", base = var.capacity.on_demand_base, weight = 100 - var.capacity.spot_percent },
      { provider = "FARGATE_SPOT", base = 0, weight = var.capacity.spot_percent },
    ] : entry if entry.base + entry.weight > 0]
    ec2 = [{ provider = var.capacity.capacity_provider_name, base = 0, weight = 1 }]
  }[var.capacity.kind]
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = var.capacity.kind == "fargate" ? ["FARGATE", "FARGATE_SPOT"] : [var.capacity.capacity_provider_name]
}

resource "aws_ecs_service" "this" {
  #checkov:skip=CKV_AWS_332:FARGATE's platform version is the latest unless one is named
  for_each = var.services

  name            = each.key
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this[each.key].arn
  desired_count   = each.value.scaling.min

  dynamic "capacity_provider_strategy" {
    for_each = local.strategy

    content {
      capacity_provider = capacity_provider_strategy.value.provider
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }

  # Without it a new share of Spot would replace the service instead of its tasks.
  force_new_deployment = true

  # Every zone first, then as few hosts as possible. Fargate spreads by itself and refuses strategies.
  dynamic "ordered_placement_strategy" {
    for_each = var.capacity.kind == "ec2" ? [{ type = "spread", field = "attribute:ecs.availability-zone" }, { type = "binpack", field = "memory" }] : []

    content {
      type  = ordered_placement_strategy.value.type
      field = ordered_placement_strategy.value.field
    }
  }

  availability_zone_rebalancing = "ENABLED"

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = concat([aws_security_group.tasks.id], var.security_group_ids)
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = each.value.load_balancer[*]

    content {
      container_name   = each.key
      container_port   = load_balancer.value.port
      target_group_arn = load_balancer.value.target_group_arn
    }
  }

  # From being started to the second successful check.
  health_check_grace_period_seconds = each.value.load_balancer == null ? null : 90

  # New tasks first, old ones after: never fewer than wanted.
  deployment_maximum_percent         = 200
  deployment_minimum_healthy_percent = 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  enable_execute_command  = var.execute_command
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"
  wait_for_steady_state   = true

  timeouts {
    create = "15m"
    update = "30m"
  }

  lifecycle {
    # Scaling owns it.
    ignore_changes = [desired_count]

    # A service that went back to its old definition is steady as well.
    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.this[each.key].arn
      error_message = "The new tasks of ${each.key} did not stay up, and ECS has gone back to the old ones. The service's events and the log group ${var.log_groups[each.key].name} say why."
    }
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.code,
    aws_iam_role_policy.collector,
    aws_iam_role_policy.execution,
    aws_vpc_security_group_egress_rule.https,
    aws_vpc_security_group_egress_rule.from_load_balancer,
    aws_vpc_security_group_ingress_rule.load_balancer,
  ]
}
