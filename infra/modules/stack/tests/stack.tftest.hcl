mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-1" }
  }
  mock_data "aws_default_tags" {
    defaults = { tags = {} }
  }
}

variables {
  environment = "test"
  target      = "lambda"
  image       = "contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  zips        = { api = "../target-lambda/tests/empty.zip", worker = "../target-lambda/tests/empty.zip" }
}

# Each target, on the first apply.

run "lambda_needs_no_private_subnet_and_no_container" {
  command = plan

  assert {
    condition     = length(module.functions) == 1 && length(module.containers) == 0 && length(module.hosts) == 0
    error_message = "There must be the functions and nothing else."
  }

  assert {
    condition     = length(module.network.private_subnet_ids) == 0 && length(aws_security_group.cache_clients) == 0
    error_message = "Without cache there must be no private subnets, and functions in no VPC."
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.traffic.insecure_value) == { live = "lambda", weights = { lambda = 100, fargate = 0, ec2 = 0 }, standby = [], desired = {} } && aws_ssm_parameter.traffic.name == "/contact-manager/test/traffic"
    error_message = "The first apply must write the wish into the parameter."
  }

  assert {
    condition     = output.traffic.function_names == { api = "contact-manager-test-api", worker = "contact-manager-test-worker" } && output.traffic.alias == "live" && output.traffic.cluster_names == {}
    error_message = "The outputs must name the functions and no cluster."
  }
}

run "fargate_has_private_subnets_and_no_hosts" {
  command = plan
  variables {
    target = "fargate"
    zips   = null
  }

  assert {
    condition     = length(module.functions) == 0 && keys(module.containers) == ["fargate"] && length(module.hosts) == 0
    error_message = "There must be one cluster and nothing else."
  }

  assert {
    condition     = length(module.network.private_subnet_ids) == 2 && length(module.network.nat_public_ips) == 1
    error_message = "Tasks need private subnets, with one NAT gateway by default."
  }

  assert {
    condition     = output.traffic.cluster_names == { fargate = "contact-manager-test-fargate" } && output.traffic.service_names.fargate == { api = "api", worker = "worker" } && output.traffic.function_names == {}
    error_message = "The outputs must name the cluster and no function."
  }
}

run "ec2_has_hosts_for_its_cluster" {
  command = plan
  variables {
    target = "ec2"
    zips   = null
  }

  assert {
    condition     = length(module.functions) == 0 && keys(module.containers) == ["ec2"] && length(module.hosts) == 1
    error_message = "There must be one cluster and its hosts."
  }

  assert {
    condition     = output.traffic.cluster_names.ec2 == "contact-manager-test-ec2" && module.hosts[0].capacity_provider_name == "contact-manager-test-ec2"
    error_message = "Hosts and cluster must have the name of the side."
  }
}

# What the parameter holds decides.

run "a_switch_to_fargate_is_under_way" {
  module {
    source = "./tests/parameter"
  }
  state_key = "under_way"
  variables {
    value = { live = "lambda", weights = { lambda = 90, fargate = 10, ec2 = 0 }, standby = ["fargate"], desired = { fargate = { api = 3, worker = 9 } }, switch = { to = "fargate" } }
  }
}

run "both_sides_exist_while_one_is_on_standby" {
  command   = plan
  state_key = "under_way"

  assert {
    condition     = length(module.functions) == 1 && keys(module.containers) == ["fargate"] && length(module.network.private_subnet_ids) == 2
    error_message = "Functions and tasks must exist side by side."
  }

  assert {
    condition     = output.traffic.weights == { lambda = 90, fargate = 10, ec2 = 0 }
    error_message = "The rules must keep the weights that the switch gave them."
  }
}

run "the_wish_may_be_the_side_on_standby" {
  command   = plan
  state_key = "under_way"
  variables {
    target = "fargate"
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.traffic.insecure_value).live == "lambda"
    error_message = "The apply must leave the parameter to the switch."
  }
}

run "a_third_side_has_to_be_asked_for_by_a_switch" {
  command   = plan
  state_key = "under_way"
  variables {
    target = "ec2"
  }
  expect_failures = [aws_ssm_parameter.traffic]
}

run "a_switch_to_ec2_is_done" {
  module {
    source = "./tests/parameter"
  }
  state_key = "done"
  variables {
    value = { live = "ec2", weights = { lambda = 0, fargate = 0, ec2 = 100 }, standby = [], desired = {} }
  }
}

run "a_plain_apply_does_not_move_traffic_back" {
  command         = plan
  state_key       = "done"
  expect_failures = [aws_ssm_parameter.traffic]
}

run "the_old_side_is_gone_after_a_switch" {
  command   = plan
  state_key = "done"
  variables {
    target = "ec2"
    zips   = null
  }

  assert {
    condition     = length(module.functions) == 0 && keys(module.containers) == ["ec2"] && output.traffic.weights.ec2 == 100
    error_message = "Only the new side may exist."
  }
}

run "somebody_has_written_nonsense" {
  module {
    source = "./tests/parameter"
  }
  state_key = "nonsense"
  variables {
    value = { live = "lambda", weights = { lambda = 50, fargate = 50, ec2 = 0 }, standby = [], desired = {} }
  }
}

run "no_side_that_is_missing_gets_requests" {
  command         = plan
  state_key       = "nonsense"
  expect_failures = [aws_ssm_parameter.traffic]
}

# Options.

run "a_new_side_begins_with_what_the_old_one_runs_up_to_its_maximum" {
  command   = plan
  state_key = "under_way"
  variables {
    containers = { worker = { max = 5 } }
  }

  assert {
    condition     = local.tasks.fargate == { api = 3, worker = 5 }
    error_message = "Services must begin with desired tasks, at most their maximum."
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
    condition     = keys(local.settings) == ["CONTACTS_QUEUE_URL", "CONTACTS_TABLE", "CONTACTS_TOPIC_ARN", "RUST_LOG"]
    error_message = "By default there must be the table, the queue, the topic and the log level."
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
    domain = { name = "contacts.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
    site   = {}
  }

  assert {
    condition     = output.encrypted && output.base_url == "https://contacts.example.com" && length(module.site) == 1
    error_message = "There must be HTTPS and a site."
  }
}

run "without_domain_it_says_that_nothing_is_encrypted" {
  command = plan

  assert {
    condition     = !output.encrypted && output.site == null
    error_message = "The outputs must say so."
  }
}

run "vaults_are_for_containers" {
  command = plan
  variables {
    target = "fargate"
    vaults = { api = ["CONTACTS_CACHE_URL"] }
  }

  assert {
    condition     = keys(module.secrets.value_from) == ["api"]
    error_message = "There must be a vault."
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
  command   = plan
  state_key = "done"
  variables {
    target              = "ec2"
    architecture        = "arm64"
    deletion_protection = true
    domain              = { name = "contacts.example.com", zone_id = "Z1" }
    network             = { az_count = 3, nat = "per_az", flow_logs = true, interface_endpoints = { sqs = {} } }
    edge                = { waf = {} }
    ec2                 = { instance_types = ["t4g.medium"], session_manager = true }
    data                = { backup = {}, max_read_units = 100, max_write_units = 100 }
    cache               = {}
    site                = {}
    audit               = { customer_managed_key = true, trail = true, budget = { monthly_usd = 100, email = "somebody@example.com" } }
  }

  assert {
    condition     = length(module.network.nat_public_ips) == 3
    error_message = "Each zone must have its NAT gateway."
  }
}

# What can be wrong.

run "a_name_has_a_limit" {
  command = plan
  variables {
    name = "a-name-that-is-far-too-long"
  }
  expect_failures = [var.name]
}

run "an_environment_is_one_word" {
  command = plan
  variables {
    environment = "my-test"
  }
  expect_failures = [var.environment]
}

run "a_target_is_one_of_three" {
  command = plan
  variables {
    target = "ecs"
  }
  expect_failures = [var.target]
}

run "an_image_is_named_by_its_digest" {
  command = plan
  variables {
    image = "contact-manager:latest"
  }
  expect_failures = [var.image]
}

run "an_architecture_is_one_of_two" {
  command = plan
  variables {
    architecture = "riscv"
  }
  expect_failures = [var.architecture]
}

run "a_rate_has_a_limit" {
  command = plan
  variables {
    settings = { rate_limit = 20000 }
  }
  expect_failures = [var.settings]
}

run "changes_are_kept_for_a_day_at_least" {
  command = plan
  variables {
    settings = { changes_days = 0 }
  }
  expect_failures = [var.settings]
}

run "an_issuer_is_an_https_url" {
  command = plan
  variables {
    settings = { oidc = { issuer = "http://login.example", audience = "contacts" } }
  }
  expect_failures = [var.settings]
}

run "an_origin_has_no_path" {
  command = plan
  variables {
    settings = { cors_origins = ["https://a.example/app"] }
  }
  expect_failures = [var.settings]
}

run "a_vault_belongs_to_a_service" {
  command = plan
  variables {
    vaults = { other = ["CONTACTS_CACHE_URL"] }
  }
  expect_failures = [var.vaults]
}
