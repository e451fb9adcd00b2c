mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_prometheus_workspace" {
    defaults = {
      arn                 = "arn:aws:aps:eu-central-1:123456789012:workspace/ws-1"
      prometheus_endpoint = "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/"
    }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:prometheus" }
  }
}

variables {
  name   = "contact-manager-test"
  region = "eu-central-1"
}

run "the_collector_sends_what_it_scrapes_on_loopback_to_the_workspace" {
  assert {
    condition     = yamldecode(aws_ssm_parameter.collector.insecure_value).exporters.prometheusremotewrite.endpoint == "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write"
    error_message = "The address is the workspace's."
  }
  assert {
    condition     = yamldecode(aws_ssm_parameter.collector.insecure_value).receivers.prometheus.config.scrape_configs[0].static_configs[0].targets == ["127.0.0.1:5000"]
    error_message = "Metrics listen on 127.0.0.1:5000."
  }
  assert {
    condition     = yamldecode(aws_ssm_parameter.collector.insecure_value).extensions.sigv4auth == { region = "eu-central-1", service = "aps" }
    error_message = "Requests are signed for the workspace's region."
  }
  assert {
    condition     = output.remote_write_url == yamldecode(aws_ssm_parameter.collector.insecure_value).exporters.prometheusremotewrite.endpoint
    error_message = "The output is where metrics go."
  }
}

run "every_part_of_the_pipeline_is_configured_and_every_configured_part_is_used" {
  assert {
    condition = alltrue([
      for kind in ["receivers", "processors", "exporters"] :
      toset(keys(yamldecode(aws_ssm_parameter.collector.insecure_value)[kind])) == toset(yamldecode(aws_ssm_parameter.collector.insecure_value).service.pipelines.metrics[kind])
    ])
    error_message = "A part is configured and not used, or used and not configured."
  }
  assert {
    condition     = toset(keys(yamldecode(aws_ssm_parameter.collector.insecure_value).extensions)) == toset(yamldecode(aws_ssm_parameter.collector.insecure_value).service.extensions)
    error_message = "An extension is configured and not used, or used and not configured."
  }
}

run "traces_are_neither_taken_nor_allowed_unless_asked_for" {
  assert {
    condition     = !strcontains(aws_ssm_parameter.collector.insecure_value, "otlp") && !strcontains(aws_ssm_parameter.collector.insecure_value, "xray")
    error_message = "Without tracing the collector must hear of none."
  }
  assert {
    condition     = toset(data.aws_iam_policy_document.task.statement[*].sid) == toset(["RemoteWrite"])
    error_message = "Without tracing the task may send none."
  }
}

run "traces_come_from_loopback_alone_and_go_to_x_ray_signed" {
  variables {
    tracing = true
  }

  assert {
    condition     = yamldecode(aws_ssm_parameter.collector.insecure_value).receivers.otlp == { protocols = { http = { endpoint = "127.0.0.1:4318" } } }
    error_message = "Nobody outside the task may send traces, and there is one way to."
  }
  assert {
    condition     = yamldecode(aws_ssm_parameter.collector.insecure_value).exporters.otlphttp == { traces_endpoint = "https://xray.eu-central-1.amazonaws.com/v1/traces", auth = { authenticator = "sigv4auth/xray" } }
    error_message = "Traces go to X-Ray's endpoint."
  }
  assert {
    condition     = yamldecode(aws_ssm_parameter.collector.insecure_value).extensions["sigv4auth/xray"] == { region = "eu-central-1", service = "xray" }
    error_message = "They are signed for X-Ray."
  }
  assert {
    condition     = toset(yamldecode(aws_ssm_parameter.collector.insecure_value).service.extensions) == toset(keys(yamldecode(aws_ssm_parameter.collector.insecure_value).extensions))
    error_message = "An extension is configured and not used, or used and not configured."
  }
  assert {
    condition = alltrue([
      for kind in ["receivers", "processors", "exporters"] :
      toset(keys(yamldecode(aws_ssm_parameter.collector.insecure_value)[kind])) == toset(flatten(values(yamldecode(aws_ssm_parameter.collector.insecure_value).service.pipelines)[*][kind]))
    ])
    error_message = "A part is configured and not used, or used and not configured."
  }
  assert {
    condition     = length(aws_ssm_parameter.collector.insecure_value) < 4096 && !strcontains(aws_ssm_parameter.collector.insecure_value, "#")
    error_message = "It must fit a standard parameter."
  }
  assert {
    condition     = data.aws_iam_policy_document.task.statement[1].actions == toset(["xray:PutSpans", "xray:PutSpansForIndexing"]) && length(data.aws_iam_policy_document.task.statement) == 2
    error_message = "The collector may send spans and do nothing else with them."
  }
}

run "the_series_of_two_tasks_differ" {
  assert {
    condition     = contains(yamldecode(aws_ssm_parameter.collector.insecure_value).processors.resourcedetection.detectors, "ecs") && yamldecode(aws_ssm_parameter.collector.insecure_value).exporters.prometheusremotewrite.resource_to_telemetry_conversion.enabled
    error_message = "The task's ARN becomes a label."
  }
}

run "the_parameter_is_small_plain_and_hashed" {
  assert {
    condition     = aws_ssm_parameter.collector.type == "String" && aws_ssm_parameter.collector.tier == "Standard" && output.parameter_name == "/contact-manager-test/collector"
    error_message = "A standard parameter costs nothing."
  }
  assert {
    condition     = length(aws_ssm_parameter.collector.insecure_value) < 2048 && !strcontains(aws_ssm_parameter.collector.insecure_value, "#")
    error_message = "Comments are left out, and half of the room is left."
  }
  assert {
    condition     = output.hash == sha256(aws_ssm_parameter.collector.insecure_value)
    error_message = "The hash is that of the configuration."
  }
}

run "a_configuration_that_does_not_fit_stops_the_plan" {
  command = plan

  override_resource {
    target          = aws_prometheus_workspace.this
    override_during = plan
    values = {
      arn                 = "arn:aws:aps:eu-central-1:123456789012:workspace/ws-1"
      prometheus_endpoint = "https://example.com/"
    }
  }

  variables {
    region = format("eu-%s-1", join("", [for n in range(600) : "xxxxxx"]))
  }

  expect_failures = [aws_ssm_parameter.collector]
}

run "the_task_may_write_to_this_workspace_alone" {
  assert {
    condition     = data.aws_iam_policy_document.task.statement[0].actions == toset(["aps:RemoteWrite"]) && data.aws_iam_policy_document.task.statement[0].resources == toset([output.workspace_arn])
    error_message = "The collector writes and does nothing else."
  }
}

run "logs_are_kept_for_fourteen_days" {
  assert {
    condition     = aws_cloudwatch_log_group.workspace.retention_in_days == 14 && startswith(aws_cloudwatch_log_group.workspace.name, "/aws/vendedlogs/")
    error_message = "The workspace logs into a group for AWS's services."
  }
}

run "a_customer_managed_key_encrypts_the_workspace_and_its_logs" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = aws_prometheus_workspace.this.kms_key_arn == var.key_arn && aws_cloudwatch_log_group.workspace.kms_key_id == var.key_arn
    error_message = "Both take the key."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "Contacts"
  }
  expect_failures = [var.name]
}

run "the_collector_stays_within_the_memory_of_its_container" {
  variables {
    memory = 256
  }

  assert {
    condition     = yamldecode(aws_ssm_parameter.collector.insecure_value).processors.memory_limiter.limit_mib == 179
    error_message = "The limit is 70 % of the container's memory."
  }
}

run "a_collector_needs_some_memory" {
  command = plan
  variables {
    memory = 32
  }
  expect_failures = [var.memory]
}

run "a_region_is_a_region" {
  command = plan
  variables {
    region = "Frankfurt"
  }
  expect_failures = [var.region]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}
