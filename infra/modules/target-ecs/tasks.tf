# A task is a service's container and, in the same network namespace, the collector that scrapes it.

locals {
  # Both containers, on every kind of capacity.
  hardening = {
    # ECS Exec puts its agent into the container.
    readonlyRootFilesystem = !var.execute_command
    linuxParameters = {
      capabilities       = { drop = ["ALL"] }
      initProcessEnabled = var.execute_command
    }
  }

  # Fargate sets it, hosts do not.
  region = { AWS_REGION = data.aws_region.current.name }

  # Neither may wait for CloudWatch: what does not fit the buffer is lost.
  logging = {
    logDriver = "awslogs"
    options = {
      "awslogs-region"        = data.aws_region.current.name
      "awslogs-stream-prefix" = "task"
      "mode"                  = "non-blocking"
      "max-buffer-size"       = "25m"
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  #checkov:skip=CKV_AWS_336:the root file system is read-only unless execute_command is on
  for_each = var.services

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = [{ fargate = "FARGATE", ec2 = "EC2" }[var.capacity.kind]]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = aws_iam_role.task[each.key].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  container_definitions = jsonencode([
    merge(local.hardening, each.value.registry_credentials_arn == null ? {} : {
      repositoryCredentials = { credentialsParameter = each.value.registry_credentials_arn }
      }, {
      name    = each.key
      image   = each.value.image
      command = each.value.command
      # Hard limits for both, so that neither takes what is the other's.
      cpu         = each.value.cpu - var.sidecar.cpu
      memory      = each.value.memory - var.sidecar.memory
      environment = [for name, value in merge(local.region, each.value.environment) : { name = name, value = value }]
      secrets     = [for name, from in each.value.secrets : { name = name, valueFrom = from }]
      portMappings = [for entry in each.value.load_balancer[*] : {
        containerPort = entry.port
        hostPort      = entry.port
        protocol      = "tcp"
      }]
      healthCheck = {
        command     = concat(["CMD"], each.value.health_command)
        interval    = 30
        timeout     = 5
        retries     = 3
        startPeriod = 10
      }

      # The task is this program: without it the task ends and another begins. One that has run for a
      # minute and crashed is started again in place, within a second and with the collector still there to
      # tell; one that does not get that far is a bad release, which must end its task.
      essential     = true
      restartPolicy = { enabled = true, restartAttemptPeriod = 60 }
      # Started after the collector, and so stopped before it, which can then send the last samples. Not
      # when it is healthy: contacts must be served also without metrics.
      dependsOn = [{ containerName = "collector", condition = "START" }]
      # Longer than the program takes to drain.
      stopTimeout = 60

      logConfiguration = merge(local.logging, { options = merge(local.logging.options, {
        "awslogs-group" = var.log_groups[each.key].name
      }) })
    }),
    merge(local.hardening, {
      name        = "collector"
      image       = var.sidecar.image
      cpu         = var.sidecar.cpu
      memory      = var.sidecar.memory
      environment = [for name, value in local.region : { name = name, value = value }]
      secrets     = [{ name = "AOT_CONFIG_CONTENT", valueFrom = var.sidecar.config_parameter_arn }]
      # A changed parameter restarts nothing, a changed label does.
      dockerLabels = { "config-hash" = var.sidecar.config_hash }
      # The image has no shell, but this program.
      healthCheck = {
        command     = ["CMD", "/healthcheck"]
        interval    = 30
        timeout     = 5
        retries     = 3
        startPeriod = 10
      }

      # Metrics are not worth a request: without it the task goes on, and it is started again.
      essential     = false
      restartPolicy = { enabled = true, restartAttemptPeriod = 60 }
      # Depends on nobody: it is there first and leaves last.
      stopTimeout = 30

      logConfiguration = merge(local.logging, { options = merge(local.logging.options, {
        "awslogs-group" = var.log_groups["${each.key}-collector"].name
      }) })
    }),
  ])

  # The circuit breaker goes back to the revision before: it has to be there until the service has moved on.
  lifecycle {
    create_before_destroy = true
  }
}
