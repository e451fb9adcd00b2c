mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "contact-manager-test-fargate"
  vpc_id                = "vpc-1"
  subnet_ids            = ["subnet-1", "subnet-2"]
  alb_security_group_id = "sg-alb"
  capacity              = { kind = "fargate", spot_percent = 60 }
  sidecar = {
    config_parameter_arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/collector"
    config_hash          = "abc"
    policy_json          = "{}"
  }
  log_groups = {
    api              = { name = "/ecs/test/api", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/test/api" }
    api-collector    = { name = "/ecs/test/api-collector", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/test/api-collector" }
    worker           = { name = "/ecs/test/worker", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/test/worker" }
    worker-collector = { name = "/ecs/test/worker-collector", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/test/worker-collector" }
  }
  services = {
    api = {
      image          = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      command        = ["/api-container"]
      health_command = ["/api-container", "healthcheck"]
      environment    = { CONTACTS_LISTEN = "0.0.0.0:8080" }
      secrets        = { CONTACTS_CACHE_URL = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:test/api-AbCdEf:CONTACTS_CACHE_URL::" }
      policy_json    = "{}"
      load_balancer = {
        port             = 8080
        target_group_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/far-1/2"
        alb_arn          = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/contact-manager-test/1"
      }
      scaling = { cpu = 70, memory = 80, requests_per_minute = 1000 }
    }
    worker = {
      image          = "docker.io/example/contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      command        = ["/worker-container"]
      health_command = ["/worker-container", "healthcheck"]
      policy_json    = "{}"
      scaling        = { min = 1, backlog = { queue_name = "contact-manager-test-jobs" } }
    }
  }
}

run "a_task_is_the_program_and_its_collector" {
  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this["api"].container_definitions) : container.name] == ["api", "collector"]
    error_message = "A task must hold the service and the collector."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].command == ["/api-container"] && jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].healthCheck.command == ["CMD", "/api-container", "healthcheck"]
    error_message = "The service must run its command, and be asked by it."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].essential && !jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[1].essential
    error_message = "The service must be essential, the collector not."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].dependsOn == [{ containerName = "collector", condition = "START" }] && jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].stopTimeout == 60
    error_message = "The service must start after the collector and have 60 s to stop."
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.this["worker"].container_definitions) : container.readonlyRootFilesystem && container.linuxParameters.capabilities.drop == ["ALL"] && container.restartPolicy.enabled])
    error_message = "Every container must be read-only, without capabilities, and restarted in place."
  }

  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].environment, { name = "AWS_REGION", value = "eu-central-1" }) && contains(jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].environment, { name = "CONTACTS_LISTEN", value = "0.0.0.0:8080" })
    error_message = "The service must get its variables and the region."
  }

  assert {
    condition     = sum([for container in jsondecode(aws_ecs_task_definition.this["api"].container_definitions) : container.memory]) == 512
    error_message = "The containers must share the task's memory."
  }
}

run "the_collector_gets_its_configuration_from_the_parameter" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[1].secrets == [{ name = "AOT_CONFIG_CONTENT", valueFrom = var.sidecar.config_parameter_arn }] && jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[1].dockerLabels["config-hash"] == "abc"
    error_message = "The parameter must be injected, and its hash be part of the definition."
  }
}

run "only_services_behind_the_load_balancer_have_a_port" {
  assert {
    condition     = length(aws_ecs_service.this["api"].load_balancer) == 1 && length(aws_ecs_service.this["worker"].load_balancer) == 0 && jsondecode(aws_ecs_task_definition.this["worker"].container_definitions)[0].portMappings == []
    error_message = "The worker must have no port."
  }

  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.load_balancer) == ["8080"] && aws_vpc_security_group_ingress_rule.load_balancer["8080"].referenced_security_group_id == "sg-alb" && aws_vpc_security_group_egress_rule.from_load_balancer["8080"].security_group_id == "sg-alb"
    error_message = "The load balancer alone must reach the port, by reference on both sides."
  }
}

run "a_deployment_keeps_all_tasks_and_goes_back_when_it_fails" {
  assert {
    condition = alltrue([for service in aws_ecs_service.this :
      service.deployment_maximum_percent == 200 && service.deployment_minimum_healthy_percent == 100
      && service.deployment_circuit_breaker[0].enable && service.deployment_circuit_breaker[0].rollback
      && service.wait_for_steady_state && !service.enable_execute_command
    ])
    error_message = "Deployments must be 200/100 with circuit breaker and rollback, and waited for."
  }
}

run "fargate_begins_on_demand_and_adds_spot" {
  assert {
    condition     = { for entry in aws_ecs_service.this["api"].capacity_provider_strategy : entry.capacity_provider => "${entry.base}/${entry.weight}" } == { FARGATE = "1/40", FARGATE_SPOT = "0/60" }
    error_message = "One task must be on demand, and above it 60 % on Spot."
  }

  assert {
    condition     = length(aws_ecs_service.this["api"].ordered_placement_strategy) == 0 && aws_ecs_task_definition.this["api"].requires_compatibilities == toset(["FARGATE"])
    error_message = "Fargate takes no placement strategy."
  }
}

run "fargate_can_do_without_spot" {
  command = plan
  variables {
    capacity = { kind = "fargate" }
  }

  assert {
    condition     = [for entry in aws_ecs_service.this["api"].capacity_provider_strategy : entry.capacity_provider] == ["FARGATE"]
    error_message = "Without Spot there must be FARGATE alone."
  }
}

run "hosts_are_filled_zone_by_zone" {
  variables {
    capacity = { kind = "ec2", capacity_provider_name = "contact-manager-test" }
  }

  assert {
    condition     = aws_ecs_cluster_capacity_providers.this.capacity_providers == toset(["contact-manager-test"]) && [for entry in aws_ecs_service.this["api"].capacity_provider_strategy : entry.capacity_provider] == ["contact-manager-test"]
    error_message = "Tasks must run on the hosts of the capacity provider."
  }

  assert {
    condition     = [for strategy in aws_ecs_service.this["api"].ordered_placement_strategy : strategy.field] == ["attribute:ecs.availability-zone", "memory"] && aws_ecs_task_definition.this["api"].requires_compatibilities == toset(["EC2"])
    error_message = "Tasks must be spread over zones before they are packed."
  }
}

run "each_service_is_scaled_by_what_it_names" {
  assert {
    condition     = toset(keys(aws_appautoscaling_policy.predefined)) == toset(["api/ECSServiceAverageCPUUtilization", "api/ECSServiceAverageMemoryUtilization", "api/ALBRequestCountPerTarget"]) && keys(aws_appautoscaling_policy.backlog) == ["worker"]
    error_message = "The API must scale by CPU, memory and requests, the worker by its backlog."
  }

  assert {
    condition     = aws_appautoscaling_policy.predefined["api/ALBRequestCountPerTarget"].target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].resource_label == "app/contact-manager-test/1/targetgroup/far-1/2"
    error_message = "Requests must be counted at the load balancer and target group of the service."
  }

  assert {
    condition = alltrue([for policy in concat(values(aws_appautoscaling_policy.predefined), values(aws_appautoscaling_policy.backlog)) :
      policy.target_tracking_scaling_policy_configuration[0].scale_out_cooldown == 60 && policy.target_tracking_scaling_policy_configuration[0].scale_in_cooldown == 300
    ])
    error_message = "Scaling must be 60 s out and 300 s in."
  }

  assert {
    condition     = aws_appautoscaling_target.this["api"].min_capacity == 2 && aws_appautoscaling_target.this["api"].max_capacity == 4 && aws_ecs_service.this["worker"].desired_count == 1
    error_message = "There must be 2 to 4 tasks unless a service says otherwise."
  }
}

run "a_side_begins_with_its_minimum" {
  command   = plan
  state_key = "new"
  variables {
    services = {
      worker = {
        image          = "example@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        command        = ["/worker-container"]
        health_command = ["/worker-container", "healthcheck"]
        policy_json    = "{}"
        scaling        = { min = 3 }
      }
    }
  }

  assert {
    condition     = aws_ecs_service.this["worker"].desired_count == 3 && aws_appautoscaling_target.this["worker"].min_capacity == 3
    error_message = "The service must begin with the tasks that it may not fall below."
  }
}

run "tasks_are_counted_without_container_insights" {
  command   = plan
  state_key = "new"
  variables {
    container_insights = "disabled"
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.insights) == 0 && one([for metric in aws_appautoscaling_policy.backlog["worker"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : "${metric.metric_stat[0].metric[0].namespace} ${metric.metric_stat[0].stat}" if metric.id == "running"]) == "AWS/ECS SampleCount"
    error_message = "The backlog must be divided by what ECS reports of itself."
  }
}

run "each_service_reads_its_own_secrets_and_image" {
  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execution["api"].statement : statement.resources if statement.sid == "Secrets"]) == toset(["arn:aws:secretsmanager:eu-central-1:123456789012:secret:test/api-AbCdEf"]) && !contains(data.aws_iam_policy_document.execution["worker"].statement[*].sid, "Secrets")
    error_message = "Only the API's execution role may read its vault."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execution["api"].statement : statement.resources if statement.sid == "Image"]) == toset(["arn:aws:ecr:eu-central-1:123456789012:repository/contact-manager"]) && !contains(data.aws_iam_policy_document.execution["worker"].statement[*].sid, "Image")
    error_message = "The image of ECR must be readable; one of Docker Hub needs no permission."
  }
}

run "a_registry_can_ask_for_credentials" {
  command   = plan
  state_key = "new"
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    services = {
      api = {
        image          = "docker.io/example/contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        command        = ["/api-container"]
        health_command = ["/api-container", "healthcheck"]
        policy_json    = "{}"
      }
      worker = {
        image                    = "docker.io/example/contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        registry_credentials_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:test/registry-AbCdEf"
        command                  = ["/worker-container"]
        health_command           = ["/worker-container", "healthcheck"]
        policy_json              = "{}"
      }
    }
  }

  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this["worker"].container_definitions) : try(container.repositoryCredentials.credentialsParameter, null)] == [var.services.worker.registry_credentials_arn, null]
    error_message = "The program's image, and no other, must be pulled with the credentials."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execution["worker"].statement : statement.resources if statement.sid == "Secrets"]) == toset([var.services.worker.registry_credentials_arn]) && contains(data.aws_iam_policy_document.execution["worker"].statement[*].sid, "SecretsKey")
    error_message = "The execution role must be able to read that one secret."
  }

  assert {
    condition     = !can(jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].repositoryCredentials) && !contains(data.aws_iam_policy_document.execution["api"].statement[*].sid, "Secrets")
    error_message = "Who needs no credentials must get none."
  }
}

run "a_customer_key_decrypts_secrets_alone" {
  command = plan
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = contains(data.aws_iam_policy_document.execution["api"].statement[*].sid, "SecretsKey") && !contains(data.aws_iam_policy_document.execution["worker"].statement[*].sid, "SecretsKey") && aws_cloudwatch_log_group.insights[0].kms_key_id == var.key_arn
    error_message = "The key must be usable where there are secrets, and encrypt the log."
  }
}

run "each_container_writes_to_its_own_log_group" {
  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this["api"].container_definitions) : container.logConfiguration.options["awslogs-group"]] == ["/ecs/test/api", "/ecs/test/api-collector"]
    error_message = "The program and its collector must have a group each."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execution["api"].statement : statement.resources if statement.sid == "Logs"]) == toset(["${var.log_groups["api"].arn}:*", "${var.log_groups["api-collector"].arn}:*"])
    error_message = "The role must write to the groups of its service alone."
  }
}

run "the_log_of_container_insights_goes_with_the_cluster" {
  assert {
    condition     = aws_cloudwatch_log_group.insights[0].name == "/aws/ecs/containerinsights/contact-manager-test-fargate/performance" && aws_cloudwatch_log_group.insights[0].retention_in_days == 1
    error_message = "The group must have the name that Container Insights writes to."
  }
}

run "roles_are_bounded_when_asked_for" {
  command   = plan
  state_key = "new"
  variables {
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = alltrue([for role in concat(values(aws_iam_role.execution), values(aws_iam_role.task)) : role.permissions_boundary == var.permissions_boundary])
    error_message = "Every role must have the boundary."
  }
}

run "commands_can_be_run_inside_when_asked_for" {
  variables {
    execute_command = true
  }

  assert {
    condition     = aws_ecs_service.this["api"].enable_execute_command && length(aws_iam_role_policy.execute_command) == 2 && !jsondecode(aws_ecs_task_definition.this["api"].container_definitions)[0].readonlyRootFilesystem
    error_message = "ECS Exec needs its permission and a writable root."
  }
}

run "tasks_can_wear_other_groups" {
  command   = plan
  state_key = "new"
  variables {
    security_group_ids = ["sg-cache"]
  }

  override_resource {
    target          = aws_security_group.tasks
    override_during = plan
    values          = { id = "sg-tasks" }
  }

  assert {
    condition     = aws_ecs_service.this["api"].network_configuration[0].security_groups == toset(["sg-tasks", "sg-cache"])
    error_message = "Tasks must wear their own group and those they are given."
  }
}

run "tasks_can_run_on_arm" {
  command = plan
  variables {
    architecture = "arm64"
  }

  assert {
    condition     = aws_ecs_task_definition.this["api"].runtime_platform[0].cpu_architecture == "ARM64"
    error_message = "The task must ask for ARM64."
  }
}

run "hosts_have_any_size" {
  command = plan
  variables {
    capacity = { kind = "ec2", capacity_provider_name = "contact-manager-test" }
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}", cpu = 300, memory = 700 } }
  }

  assert {
    condition     = aws_ecs_task_definition.this["api"].memory == "700"
    error_message = "Tasks on hosts must have the size asked for."
  }
}
