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

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary = "boundary"
  }
  expect_failures = [var.permissions_boundary]
}

run "every_container_has_a_log_group" {
  command = plan
  variables {
    log_groups = { api = { name = "/ecs/test/api", arn = "arn" } }
  }
  expect_failures = [var.log_groups]
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

run "a_variable_is_a_setting_or_a_secret" {
  command = plan
  variables {
    services = { api = {
      image          = "a@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      command        = ["/api-container"]
      health_command = ["/api-container"]
      policy_json    = "{}"
      environment    = { CONTACTS_CACHE_URL = "rediss://cache" }
      secrets        = { CONTACTS_CACHE_URL = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:test/api-AbCdEf:CONTACTS_CACHE_URL::" }
    } }
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

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}
