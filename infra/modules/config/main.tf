data "aws_partition" "current" {}

locals {
  # The workspace gives its address with a slash at the end.
  remote_write_url = "${aws_prometheus_workspace.this.prometheus_endpoint}api/v1/remote_write"

  collector = templatefile("${path.module}/collector.yaml", {
    region           = var.region
    suffix           = data.aws_partition.current.dns_suffix
    tracing          = var.tracing
    remote_write_url = local.remote_write_url
    scrape_interval  = 15000 / var.pace
    scrape_timeout   = 5000 / var.pace

    # Of the heap alone: the rest of the process needs its part. As a number, because what a container may use
    # is not to be seen from inside on every kind of host.
    memory_limit = floor(var.memory * 0.7)
  })

  # Comments are for those who read the file here; the parameter has no room to spare.
  parameter = join("\n", [for line in split("\n", local.collector) : line if !startswith(trimspace(line), "#")])
}

resource "aws_prometheus_workspace" "this" {
  alias       = var.name
  kms_key_arn = var.key_arn

  # What the workspace refuses, and why, is said nowhere else.
  logging_configuration {
    log_group_arn = "${aws_cloudwatch_log_group.workspace.arn}:*"
  }
}

resource "aws_cloudwatch_log_group" "workspace" {
  #checkov:skip=CKV_AWS_338:Fourteen days are this product's retention for logs.
  # AWS services may write to groups of this name without a resource policy for each, of which there are ten.
  name              = "/aws/vendedlogs/prometheus/${var.name}"
  kms_key_id        = var.key_arn
  retention_in_days = 14
}

resource "aws_ssm_parameter" "collector" {
  #checkov:skip=CKV2_AWS_34:There is nothing secret in it, and a plan that shows what changes is worth more.
  name           = "/${var.name}/collector"
  description    = "Configuration of the collector beside each task (AOT_CONFIG_CONTENT)"
  type           = "String"
  tier           = "Standard"
  insecure_value = local.parameter

  lifecycle {
    precondition {
      # Bytes, counted as the base64 has them: a letter may take several.
      condition     = length(base64encode(local.parameter)) * 3 / 4 <= 4096
      error_message = "The collector's configuration is above the 4,096 bytes that a standard parameter holds: make collector.yaml shorter."
    }
  }
}

data "aws_iam_policy_document" "task" {
  #checkov:skip=CKV_AWS_111:traces have no ARNs to name
  #checkov:skip=CKV_AWS_356:traces have no ARNs to name
  statement {
    sid       = "RemoteWrite"
    actions   = ["aps:RemoteWrite"]
    resources = [aws_prometheus_workspace.this.arn]
  }

  dynamic "statement" {
    for_each = var.tracing ? [1] : []

    content {
      sid       = "Traces"
      actions   = ["xray:PutSpans", "xray:PutSpansForIndexing"]
      resources = ["*"]
    }
  }
}
