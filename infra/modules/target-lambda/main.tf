# The two functions. What calls them is in api.tf and worker.tf.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  functions = {
    api = {
      zip                  = var.api.zip
      memory               = var.api.memory
      timeout              = var.api.timeout
      environment          = var.api.environment
      policy_json          = var.api.policy_json
      reserved_concurrency = var.api.reserved_concurrency
    }
    worker = {
      zip                  = var.worker.zip
      memory               = var.worker.memory
      timeout              = var.worker.timeout
      environment          = var.worker.environment
      policy_json          = var.worker.policy_json
      reserved_concurrency = var.worker.reserved_concurrency
    }
  }
}

# What the collector in the layer is told, which reads it from a variable: JSON is YAML on one line.
locals {
  collector = jsonencode({
    extensions = { sigv4auth = { region = data.aws_region.current.name, service = "xray" } }
    receivers  = { otlp = { protocols = { http = { endpoint = "127.0.0.1:4318" } } } }
    exporters = { otlphttp = {
      traces_endpoint = "https://xray.${data.aws_region.current.name}.${data.aws_partition.current.dns_suffix}/v1/traces"
      auth            = { authenticator = "sigv4auth" }
    } }
    service = {
      extensions = ["sigv4auth"]
      pipelines  = { traces = { receivers = ["otlp"], exporters = ["otlphttp"] } }
      telemetry  = { logs = { level = "warn" }, metrics = { level = "none" } }
    }
  })
  collector_settings = var.tracing == null ? {} : {
    OPENTELEMETRY_COLLECTOR_CONFIG_URI = "env:AOT_CONFIG_CONTENT"
    AOT_CONFIG_CONTENT                 = local.collector
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:the program traces itself if tracing is set; segments of Lambda's own would be of other traces, and cost by the request
  #checkov:skip=CKV_AWS_115:reserved_concurrency decides; the account's limit is enough for most
  #checkov:skip=CKV_AWS_116:nothing calls it asynchronously; the queue has its own dead letters
  #checkov:skip=CKV_AWS_117:only the cache needs a VPC; without it a function starts faster and needs no NAT
  #checkov:skip=CKV_AWS_173:key_arn decides; no variable is a secret, and Lambda encrypts them by itself
  #checkov:skip=CKV_AWS_272:the workflow signs what it builds, and its role alone may deploy it
  for_each = local.functions

  function_name = "${var.name}-${each.key}"
  role          = aws_iam_role.this[each.key].arn

  filename         = each.value.zip
  source_code_hash = filebase64sha256(each.value.zip)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]

  memory_size                    = each.value.memory
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.reserved_concurrency
  kms_key_arn                    = var.key_arn
  publish                        = true

  layers = var.tracing[*].layer_arn

  environment {
    variables = merge(each.value.environment, local.collector_settings)
  }

  # Lambda's own lines about each call cost more than they tell: failures and time-outs are warnings. What the program
  # writes is for its own level to decide.
  logging_config {
    log_group             = var.log_groups[each.key].name
    log_format            = "JSON"
    application_log_level = "TRACE"
    system_log_level      = "WARN"
  }

  tracing_config {
    mode = "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Lambda keeps its network interfaces for up to 45 minutes after a function is gone. Before that they are given the
  # VPC's default group, so that the groups of this configuration can go.
  replace_security_groups_on_destroy = var.vpc == null ? null : true

  # Its first line of log, and its network interfaces, need these.
  depends_on = [aws_iam_role_policy.service]
}

# Who calls a function calls this alias. A release moves it by weight, and back if it fails: so Terraform
# publishes versions and leaves the alias where it is.
resource "aws_lambda_alias" "live" {
  for_each = aws_lambda_function.this

  name             = "live"
  function_name    = each.value.function_name
  function_version = each.value.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}
