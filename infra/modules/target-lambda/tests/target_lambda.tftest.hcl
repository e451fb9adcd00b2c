mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/function" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:contact-manager-test-api", version = "1" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:contact-manager-test-api:live" }
  }
}

variables {
  name             = "contact-manager-test"
  target_group_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/lambda/1"
  log_groups = {
    api    = { name = "/aws/lambda/contact-manager-test-api", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/contact-manager-test-api" }
    worker = { name = "/aws/lambda/contact-manager-test-worker", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/contact-manager-test-worker" }
  }
  api = {
    zip         = "tests/empty.zip"
    environment = { CONTACTS_TABLE = "contacts" }
    policy_json = "{}"
  }
  worker = {
    zip         = "tests/empty.zip"
    environment = { CONTACTS_TABLE = "contacts", CONTACTS_QUEUE_URL = "https://sqs/contacts" }
    policy_json = "{}"
    queue_arn   = "arn:aws:sqs:eu-central-1:123456789012:contacts"
  }
}

run "both_functions_run_the_zip_as_a_custom_runtime" {
  assert {
    condition = alltrue([for function in aws_lambda_function.this :
      function.runtime == "provided.al2023" && function.handler == "bootstrap" && function.architectures == tolist(["x86_64"])
      && function.source_code_hash == filebase64sha256("tests/empty.zip") && function.publish
    ])
    error_message = "The functions must run bootstrap of the zip for x86_64, in published versions."
  }

  assert {
    condition     = aws_lambda_function.this["worker"].environment[0].variables.CONTACTS_QUEUE_URL == "https://sqs/contacts" && !contains(keys(aws_lambda_function.this["api"].environment[0].variables), "CONTACTS_QUEUE_URL")
    error_message = "Each function must get its own variables."
  }
}

run "a_function_can_be_built_for_arm" {
  command = plan
  variables {
    architecture = "arm64"
  }

  assert {
    condition     = aws_lambda_function.this["api"].architectures == tolist(["arm64"])
    error_message = "The architecture must be the one asked for."
  }
}

run "the_load_balancer_alone_may_call_the_alias" {
  assert {
    condition     = aws_lambda_permission.load_balancer.principal == "elasticloadbalancing.amazonaws.com" && aws_lambda_permission.load_balancer.source_arn == var.target_group_arn && aws_lambda_permission.load_balancer.source_account == "123456789012" && aws_lambda_permission.load_balancer.qualifier == "live"
    error_message = "The permission must be for this target group, this account and the alias."
  }

  assert {
    condition     = aws_lb_target_group_attachment.api.target_id == aws_lambda_alias.live["api"].arn
    error_message = "The alias must be registered, not the function."
  }
}

run "the_queue_calls_the_worker_and_hears_which_messages_failed" {
  assert {
    condition     = aws_lambda_event_source_mapping.queue.function_name == aws_lambda_alias.live["worker"].arn && contains(aws_lambda_event_source_mapping.queue.function_response_types, "ReportBatchItemFailures") && aws_lambda_event_source_mapping.queue.scaling_config[0].maximum_concurrency == 5
    error_message = "The mapping must call the alias, take partial answers and have a maximum."
  }
}

run "functions_log_what_the_program_says_and_of_lambda_only_what_is_wrong" {
  command = plan

  assert {
    condition = alltrue([for name, function in aws_lambda_function.this :
      function.logging_config[0].log_group == var.log_groups[name].name && function.logging_config[0].log_format == "JSON"
      && function.logging_config[0].system_log_level == "WARN" && function.logging_config[0].application_log_level == "TRACE"
    ])
    error_message = "Each function must log JSON to its group, and Lambda itself warnings alone."
  }

  assert {
    condition     = alltrue([for name, document in data.aws_iam_policy_document.service : document.statement[0].resources == toset(["${var.log_groups[name].arn}:*"])])
    error_message = "Each role must write to the group of its function alone."
  }
}

run "roles_are_bounded_when_asked_for" {
  command = plan
  variables {
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.this : role.permissions_boundary == var.permissions_boundary])
    error_message = "Every role must have the boundary."
  }
}

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary = "boundary"
  }
  expect_failures = [var.permissions_boundary]
}

run "by_default_there_is_no_vpc_no_trace_and_nothing_provisioned" {
  command = plan

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : length(function.vpc_config) == 0 && length(function.layers) == 0 && !contains(keys(function.environment[0].variables), "AOT_CONFIG_CONTENT")])
    error_message = "Functions must not be attached to a VPC or traced unless asked for."
  }

  assert {
    condition     = length(aws_appautoscaling_target.provisioned) + length(aws_appautoscaling_target.scheduled) + length(aws_appautoscaling_policy.provisioned) + length(aws_appautoscaling_scheduled_action.provisioned) == 0
    error_message = "Nothing must be provisioned."
  }

  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.service["worker"].statement : contains(["NetworkInterfaces", "Traces"], statement.sid)])
    error_message = "Permissions must follow what is configured."
  }
}

run "functions_can_be_attached_to_a_vpc_and_traced" {
  command = plan
  variables {
    tracing = { layer_arn = "arn:aws:lambda:eu-central-1:901920570463:layer:aws-otel-collector-amd64-ver-0-117-0:1" }
    vpc     = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.vpc_config[0].security_group_ids == toset(["sg-1"]) && function.replace_security_groups_on_destroy && function.layers == tolist([var.tracing.layer_arn])])
    error_message = "Both functions must be attached and have the collector, and let go of the groups before they go."
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.environment[0].variables["OPENTELEMETRY_COLLECTOR_CONFIG_URI"] == "env:AOT_CONFIG_CONTENT" && jsondecode(function.environment[0].variables["AOT_CONFIG_CONTENT"]).receivers.otlp.protocols.http.endpoint == "127.0.0.1:4318" && startswith(jsondecode(function.environment[0].variables["AOT_CONFIG_CONTENT"]).exporters.otlphttp.traces_endpoint, "https://xray.")])
    error_message = "The collector must take what the program beside it sends, and hand it to X-Ray."
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.tracing_config[0].mode == "PassThrough"])
    error_message = "Lambda must begin no traces beside the program's."
  }

  assert {
    condition     = length(setsubtract(["NetworkInterfaces", "NotFromCode", "Traces"], data.aws_iam_policy_document.service["api"].statement[*].sid)) == 0
    error_message = "The roles must allow it, and refuse the code to make interfaces."
  }
}

run "a_layer_is_named_by_the_arn_of_a_version" {
  command = plan
  variables {
    tracing = { layer_arn = "arn:aws:lambda:eu-central-1:901920570463:layer:aws-otel-collector-amd64-ver-0-117-0" }
  }
  expect_failures = [var.tracing]
}

run "environments_can_be_kept_warm" {
  variables {
    api = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", provisioned = { min = 1, max = 4 } }
  }

  assert {
    condition     = aws_appautoscaling_target.provisioned[0].resource_id == "function:contact-manager-test-api:live" && aws_appautoscaling_target.provisioned[0].min_capacity == 1 && aws_appautoscaling_target.provisioned[0].max_capacity == 4 && aws_appautoscaling_policy.provisioned[0].resource_id == aws_appautoscaling_target.provisioned[0].resource_id
    error_message = "The alias must be provisioned."
  }
}

run "what_is_kept_warm_can_be_changed" {
  command = plan
  variables {
    api = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", provisioned = { min = 2, max = 6 } }
  }

  assert {
    condition     = aws_appautoscaling_target.provisioned[0].min_capacity == 2 && aws_appautoscaling_target.provisioned[0].max_capacity == 6
    error_message = "A changed setting must be applied."
  }
}

run "environments_can_be_kept_warm_by_schedule" {
  variables {
    api = {
      zip         = "tests/empty.zip"
      environment = {}
      policy_json = "{}"
      provisioned = {
        min      = 1
        max      = 4
        schedule = { morning = { cron = "cron(0 7 ? * MON-FRI *)", min = 2, max = 8 } }
      }
    }
  }

  assert {
    condition     = length(aws_appautoscaling_target.provisioned) == 0 && aws_appautoscaling_target.scheduled[0].resource_id == "function:contact-manager-test-api:live" && aws_appautoscaling_scheduled_action.provisioned["morning"].scalable_target_action[0].min_capacity == "2"
    error_message = "The alias must be provisioned, and by schedule."
  }
}

run "what_a_schedule_has_moved_stays" {
  command = plan
  variables {
    api = {
      zip         = "tests/empty.zip"
      environment = {}
      policy_json = "{}"
      provisioned = {
        min      = 3
        max      = 5
        schedule = { morning = { cron = "cron(0 7 ? * MON-FRI *)", min = 2, max = 9 } }
      }
    }
  }

  assert {
    condition     = aws_appautoscaling_target.scheduled[0].min_capacity == 1 && aws_appautoscaling_target.scheduled[0].max_capacity == 4
    error_message = "The schedule alone must move the target."
  }

  assert {
    condition     = aws_appautoscaling_scheduled_action.provisioned["morning"].scalable_target_action[0].max_capacity == "9"
    error_message = "A changed schedule must be applied."
  }
}

run "a_schedule_can_go_again" {
  variables {
    api = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", provisioned = { min = 2, max = 6 } }
  }

  assert {
    condition     = length(aws_appautoscaling_target.scheduled) == 0 && length(aws_appautoscaling_scheduled_action.provisioned) == 0 && aws_appautoscaling_target.provisioned[0].max_capacity == 6
    error_message = "The configured numbers must hold again."
  }
}

run "a_key_encrypts_variables" {
  command = plan
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = alltrue([for name in ["api", "worker"] : aws_lambda_function.this[name].kms_key_arn == var.key_arn])
    error_message = "The key must be used for both functions."
  }
}

run "a_name_must_be_fit_for_aws" {
  command = plan
  variables {
    name = "Contacts"
  }
  expect_failures = [var.name]
}

run "an_architecture_is_one_of_two" {
  command = plan
  variables {
    architecture = "riscv"
  }
  expect_failures = [var.architecture]
}

run "a_zip_must_be_there" {
  command = plan
  variables {
    api    = { zip = "tests/missing.zip", environment = {}, policy_json = "{}" }
    worker = { zip = "tests/missing.zip", environment = {}, policy_json = "{}", queue_arn = "arn" }
  }
  expect_failures = [var.api, var.worker]
}

run "memory_has_limits" {
  command = plan
  variables {
    api    = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", memory = 64 }
    worker = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", queue_arn = "arn", memory = 20000 }
  }
  expect_failures = [var.api, var.worker]
}

run "time_has_limits" {
  command = plan
  variables {
    api    = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", timeout = 61 }
    worker = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", queue_arn = "arn", timeout = 901 }
  }
  expect_failures = [var.api, var.worker]
}

run "reserved_concurrency_leaves_room_for_the_mapping" {
  command = plan
  variables {
    api    = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", reserved_concurrency = -2 }
    worker = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", queue_arn = "arn", reserved_concurrency = 1 }
  }
  expect_failures = [var.api, var.worker]
}

run "the_mapping_has_limits" {
  command = plan
  variables {
    worker = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", queue_arn = "arn", max_concurrency = 1 }
  }
  expect_failures = [var.worker]
}

run "a_batch_has_limits" {
  command = plan
  variables {
    worker = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", queue_arn = "arn", batch = 11 }
  }
  expect_failures = [var.worker]
}

run "provisioned_concurrency_has_an_order" {
  command = plan
  variables {
    api = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", provisioned = { min = 5, max = 4 } }
  }
  expect_failures = [var.api]
}

run "provisioned_concurrency_keeps_some_in_hand" {
  command = plan
  variables {
    api = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", provisioned = { min = 1, max = 4, utilisation = 1 } }
  }
  expect_failures = [var.api]
}

run "a_schedule_is_a_cron_expression" {
  command = plan
  variables {
    api = { zip = "tests/empty.zip", environment = {}, policy_json = "{}", provisioned = { min = 1, max = 4, schedule = { morning = { cron = "7 am", min = 1, max = 2 } } } }
  }
  expect_failures = [var.api]
}

run "a_vpc_needs_subnets" {
  command = plan
  variables {
    vpc = { subnet_ids = [], security_group_ids = ["sg-1"] }
  }
  expect_failures = [var.vpc]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}
