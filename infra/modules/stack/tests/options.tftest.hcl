mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment = "test"
  target      = "lambda"
  image       = "contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  zips        = { api = "../target-lambda/tests/empty.zip", worker = "../target-lambda/tests/empty.zip" }
}

run "every_side_has_its_log_groups_whether_it_exists_or_not" {
  command = plan

  assert {
    condition = output.log_groups == {
      lambda  = { api = "/aws/lambda/contact-manager-test-api", worker = "/aws/lambda/contact-manager-test-worker" }
      fargate = { for container in ["api", "api-collector", "worker", "worker-collector"] : container => "/ecs/contact-manager-test-fargate/${container}" }
      ec2 = merge({ for container in ["api", "api-collector", "worker", "worker-collector"] : container => "/ecs/contact-manager-test-ec2/${container}" },
      { spot = "/aws/events/contact-manager-test-ec2-spot" })
    }
    error_message = "The names must be those that Lambda, ECS and EventBridge write to."
  }

  assert {
    condition     = toset([for group in aws_cloudwatch_log_group.side : group.name]) == toset(flatten([for groups in values(output.log_groups) : values(groups)])) && alltrue([for group in aws_cloudwatch_log_group.side : group.retention_in_days == 14])
    error_message = "There must be a group for each name, for 14 days."
  }
}

run "the_share_of_a_task_is_told_to_the_switch_too" {
  command = plan
  variables {
    containers = { api = { requests_per_task = 600 } }
  }

  assert {
    condition     = output.traffic.requests_per_task == 600
    error_message = "Scaling and switch must count by the same number."
  }
}

run "the_cache_brings_functions_into_the_vpc" {
  command = plan
  variables {
    cache = {}
  }

  assert {
    condition     = length(module.cache) == 1 && length(aws_security_group.cache_clients) == 1 && length(aws_vpc_security_group_egress_rule.cache) == 1 && length(module.network.private_subnet_ids) == 2
    error_message = "Functions must be attached to private subnets, with a way to the cache."
  }

  assert {
    condition     = contains(keys(local.settings), "CONTACTS_CACHE_URL")
    error_message = "The programs must be told of the cache."
  }
}

run "functions_can_have_other_sizes" {
  command = plan
  variables {
    lambda = {
      api    = { memory = 1024, timeout = 20, provisioned = { min = 1, max = 4 } }
      worker = { timeout = 300, max_concurrency = 10 }
    }
  }

  assert {
    condition     = length(module.functions) == 1
    error_message = "The sizes must pass the checks of the functions and of the queue."
  }
}

run "programs_get_only_the_settings_that_are_set" {
  command = plan

  assert {
    condition     = keys(local.settings) == ["CONTACTS_OBJECTS_URL", "CONTACTS_QUEUE_URL", "CONTACTS_TABLE", "CONTACTS_TOPIC_ARN", "RUST_LOG"]
    error_message = "By default there must be the bucket, the table, the queue, the topic and the log level."
  }

  assert {
    condition     = local.task_settings.CONTACTS_LISTEN == "0.0.0.0:8080" && local.task_settings.CONTACTS_METRICS_LISTEN == "127.0.0.1:5000"
    error_message = "Tasks must be reachable by the load balancer, their metrics by the collector alone."
  }
}

run "programs_get_every_setting_that_is_set" {
  command = plan
  variables {
    settings = {
      log_level    = "debug"
      rate_limit   = 0
      changes_days = 30
      history_days = 60
      cors_origins = ["https://a.example", "https://b.example"]
      oidc         = { issuer = "https://login.example", audience = "contacts" }
    }
  }

  assert {
    condition = (
      local.settings.RUST_LOG == "debug" && local.settings.CONTACTS_RATE_LIMIT == "0" && local.settings.CONTACTS_CHANGES_DAYS == "30"
      && local.settings.CONTACTS_CORS_ORIGINS == "https://a.example,https://b.example"
      && local.settings.CONTACTS_OIDC_ISSUER == "https://login.example" && local.settings.CONTACTS_OIDC_AUDIENCE == "contacts"
    )
    error_message = "Each setting must become its variable."
  }
}

run "a_domain_encrypts_and_a_site_may_stand_beside_it" {
  command = plan
  variables {
    domain      = { name = "contacts.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
    site_domain = { name = "app.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1" }
  }

  assert {
    condition     = output.encrypted && output.base_url == "https://contacts.example.com" && module.site[0].url == "https://app.example.com"
    error_message = "There must be HTTPS and a site."
  }
  assert {
    condition     = contains(keys(local.settings), "CONTACTS_SITE_SECRET")
    error_message = "The service must know what the site shows."
  }
}

run "without_domain_it_says_that_nothing_is_encrypted" {
  command = plan

  assert {
    condition     = !output.encrypted && output.site == null
    error_message = "The outputs must say so."
  }
}

run "nobody_reads_a_secret_unless_asked_for" {
  command = plan
  variables {
    target = "fargate"
  }

  assert {
    condition     = module.secrets.value_from == {} && module.containers["fargate"].secret_arns == { api = [], worker = [] }
    error_message = "There must be no vault."
  }
}

run "a_vault_is_for_the_containers_of_one_service" {
  command = plan
  variables {
    target   = "fargate"
    vaults   = { api = ["CONTACTS_CACHE_URL"] }
    rotation = { lambda_arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate", role_arn = "arn:aws:iam::123456789012:role/rotate" }
  }

  override_resource {
    target          = module.secrets.aws_secretsmanager_secret_version.first
    override_during = plan
    values          = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:contact-manager-test/api-AbCdEf" }
  }

  assert {
    condition     = module.secrets.value_from == { api = { CONTACTS_CACHE_URL = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:contact-manager-test/api-AbCdEf:CONTACTS_CACHE_URL::" } }
    error_message = "There must be a vault."
  }

  assert {
    condition     = module.containers["fargate"].secret_arns == { api = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:contact-manager-test/api-AbCdEf"], worker = [] }
    error_message = "The tasks of that service must get it, and its execution role alone may read it."
  }
}

run "an_image_can_come_from_elsewhere" {
  command = plan
  variables {
    target = "fargate"
    image  = "docker.io/example/contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    registry = {
      repository      = "docker.io/example/contact-manager"
      credentials_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:contact-manager-test/registry-AbCdEf"
    }
  }

  assert {
    condition     = module.containers["fargate"].secret_arns == { for service in ["api", "worker"] : service => [var.registry.credentials_arn] }
    error_message = "Both services must be able to pull it."
  }
}

run "hosts_have_the_processors_that_the_image_is_for" {
  command = plan
  variables {
    target       = "ec2"
    architecture = "arm64"
  }

  assert {
    condition     = module.hosts[0].instance_types == tolist(["t4g.medium", "c6g.large", "c7g.large"])
    error_message = "The types must go by the architecture."
  }
}

run "hosts_can_have_other_types" {
  command = plan
  variables {
    target = "ec2"
    ec2    = { instance_types = ["m7i.large", "m7a.large"] }
  }

  assert {
    condition     = module.hosts[0].instance_types == tolist(["m7i.large", "m7a.large"])
    error_message = "The types must be those asked for."
  }
}

run "functions_read_no_vaults" {
  command = plan
  variables {
    vaults = { api = ["CONTACTS_CACHE_URL"] }
  }
  expect_failures = [output.traffic]
}

run "every_option_at_once_can_be_planned" {
  command = plan
  variables {
    target               = "ec2"
    architecture         = "arm64"
    deletion_protection  = true
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
    domain               = { name = "contacts.example.com", zone_id = "Z1" }
    network              = { az_count = 3, nat = "per_az", flow_logs = true, interface_endpoints = { sqs = {} } }
    edge                 = { waf = {} }
    ec2                  = { max_instance_lifetime_days = 7, session_manager = true }
    data                 = { backup = {}, max_read_units = 100, max_write_units = 100 }
    cache                = {}
    site_domain          = { name = "app.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1", zone_id = "Z1" }
    audit                = { customer_managed_key = true, trail = true, budget = { monthly_usd = 100, email = "somebody@example.com" } }
  }

  assert {
    condition     = length(module.network.nat_public_ips) == 3
    error_message = "Each zone must have its NAT gateway."
  }
}

run "nothing_is_traced_unless_asked_for" {
  command = plan

  assert {
    condition     = jsonencode(local.tracing_of) == jsonencode({ api = {}, worker = {} }) && local.layer == null
    error_message = "Without tracing the programs must not be told of a collector."
  }
}

run "programs_are_told_of_the_collector_beside_them" {
  command = plan
  variables {
    tracing = { sample = 0.5, layer_arn = "arn:aws:lambda:eu-central-1:901920570463:layer:aws-otel-collector-amd64-ver-0-117-0:1" }
  }

  assert {
    condition = jsonencode(local.tracing_of) == jsonencode({ for service in ["api", "worker"] : service => {
      OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
      OTEL_TRACES_SAMPLER_ARG     = "0.5"
      OTEL_SERVICE_NAME           = "contact-manager-test-${service}"
    } })
    error_message = "Both must be told where the collector is, how much to trace, and their names."
  }
  assert {
    condition     = local.layer == { layer_arn = var.tracing.layer_arn }
    error_message = "Functions must have the layer."
  }
}

run "containers_are_traced_without_a_layer" {
  command = plan
  variables {
    target  = "fargate"
    tracing = {}
  }

  assert {
    condition     = local.tracing_of.api.OTEL_TRACES_SAMPLER_ARG == "0.05" && local.layer == null
    error_message = "One of twenty requests is traced unless said otherwise."
  }
}

run "functions_are_not_traced_without_a_layer" {
  command = plan
  variables {
    tracing = {}
  }
  expect_failures = [var.tracing]
}

run "a_share_is_from_0_to_1" {
  command = plan
  variables {
    tracing = { sample = 5, layer_arn = "arn:aws:lambda:eu-central-1:901920570463:layer:aws-otel-collector-amd64-ver-0-117-0:1" }
  }
  expect_failures = [var.tracing]
}
