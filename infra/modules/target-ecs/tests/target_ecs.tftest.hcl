mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/task" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:group" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/task:1" }
  }
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

run "a_side_can_begin_with_the_capacity_of_the_other" {
  command   = plan
  state_key = "new"
  variables {
    services = {
      worker = {
        image          = "example@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        command        = ["/worker-container"]
        health_command = ["/worker-container", "healthcheck"]
        policy_json    = "{}"
        tasks          = 3
      }
    }
  }

  assert {
    condition     = aws_ecs_service.this["worker"].desired_count == 3
    error_message = "The service must begin with the tasks it is told."
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

run "a_customer_key_decrypts_secrets_alone" {
  command = plan
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = contains(data.aws_iam_policy_document.execution["api"].statement[*].sid, "SecretsKey") && !contains(data.aws_iam_policy_document.execution["worker"].statement[*].sid, "SecretsKey") && alltrue([for group in aws_cloudwatch_log_group.service : group.kms_key_id == var.key_arn])
    error_message = "The key must encrypt logs, and be usable where there are secrets."
  }
}

run "each_container_has_its_log_group_with_14_days" {
  assert {
    condition     = toset(values(output.log_groups)) == toset([for container in ["api", "api-collector", "worker", "worker-collector"] : "/ecs/contact-manager-test-fargate/${container}"]) && alltrue([for group in concat(values(aws_cloudwatch_log_group.service), values(aws_cloudwatch_log_group.collector)) : group.retention_in_days == 14])
    error_message = "There must be a log group for each container."
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

run "a_name_must_be_fit_for_aws" {
  command = plan
  variables {
    name = "Contacts"
  }
  expect_failures = [var.name]
}

run "there_must_be_a_service" {
  command = plan
  variables {
    services = {}
  }
  expect_failures = [var.services]
}

run "an_image_is_named_by_its_digest" {
  command = plan
  variables {
    services = { api = { image = "contact-manager:latest", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}" } }
  }
  expect_failures = [var.services]
}

run "a_container_needs_a_command" {
  command = plan
  variables {
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = [], health_command = ["/api-container"], policy_json = "{}" } }
  }
  expect_failures = [var.services]
}

run "fargate_has_certain_sizes" {
  command = plan
  variables {
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}", cpu = 256, memory = 4096 } }
  }
  expect_failures = [var.services]
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

run "a_task_has_room_for_both_containers" {
  command = plan
  variables {
    capacity = { kind = "ec2", capacity_provider_name = "contact-manager-test" }
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}", cpu = 128, memory = 128 } }
  }
  expect_failures = [var.services]
}

run "scaling_has_an_order" {
  command = plan
  variables {
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}", scaling = { min = 3, max = 2 } } }
  }
  expect_failures = [var.services]
}

run "a_side_cannot_begin_with_more_than_its_maximum" {
  command = plan
  variables {
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}", tasks = 9 } }
  }
  expect_failures = [var.services]
}

run "requests_are_counted_by_a_load_balancer" {
  command = plan
  variables {
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}", scaling = { requests_per_minute = 1000 } } }
  }
  expect_failures = [var.services]
}

run "a_load_is_a_percentage" {
  command = plan
  variables {
    services = { api = { image = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", command = ["/api-container"], health_command = ["/api-container"], policy_json = "{}", scaling = { cpu = 170 } } }
  }
  expect_failures = [var.services]
}

run "the_collector_has_a_version" {
  command = plan
  variables {
    sidecar = { image = "public.ecr.aws/aws-observability/aws-otel-collector:latest", config_parameter_arn = "arn", config_hash = "abc", policy_json = "{}" }
  }
  expect_failures = [var.sidecar]
}

run "capacity_is_one_of_two_kinds" {
  command = plan
  variables {
    capacity = { kind = "lambda" }
  }
  expect_failures = [var.capacity]
}

run "hosts_need_a_capacity_provider" {
  command = plan
  variables {
    capacity = { kind = "ec2" }
  }
  expect_failures = [var.capacity]
}

run "a_share_of_spot_is_a_percentage" {
  command = plan
  variables {
    capacity = { kind = "fargate", spot_percent = 101 }
  }
  expect_failures = [var.capacity]
}

run "an_architecture_is_one_of_two" {
  command = plan
  variables {
    architecture = "riscv"
  }
  expect_failures = [var.architecture]
}

run "tasks_need_private_subnets" {
  command = plan
  variables {
    subnet_ids = []
  }
  expect_failures = [var.subnet_ids]
}

run "container_insights_is_one_of_three_words" {
  command = plan
  variables {
    container_insights = "on"
  }
  expect_failures = [var.container_insights]
}

run "a_backlog_needs_container_insights" {
  command = plan
  variables {
    container_insights = "disabled"
  }
  expect_failures = [var.container_insights]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}
