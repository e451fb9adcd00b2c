data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.functions

  name                 = "${var.name}-${each.key}-function"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
}

# What the code calls; of the worker, also what the event source mapping does with the queue in its name.
resource "aws_iam_role_policy" "code" {
  for_each = local.functions

  name   = "code"
  role   = aws_iam_role.this[each.key].id
  policy = each.value.policy_json
}

# What Lambda does in its name: logs, and as configured network interfaces; and the collector in it: traces.
data "aws_iam_policy_document" "service" {
  #checkov:skip=CKV_AWS_111:network interfaces and traces have no ARNs to name before they exist
  #checkov:skip=CKV_AWS_356:network interfaces and traces have no ARNs to name before they exist
  for_each = local.functions

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${var.log_groups[each.key].arn}:*"]
  }

  dynamic "statement" {
    for_each = var.vpc[*]

    content {
      sid = "NetworkInterfaces"
      actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }

  # The role is for attaching a function; the function itself must make no interfaces.
  dynamic "statement" {
    for_each = var.vpc[*]

    content {
      sid    = "NotFromCode"
      effect = "Deny"
      actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:function:${var.name}-${each.key}"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.tracing[*]

    content {
      sid       = "Traces"
      actions   = ["xray:PutSpans", "xray:PutSpansForIndexing"]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role_policy" "service" {
  for_each = local.functions

  name   = "service"
  role   = aws_iam_role.this[each.key].id
  policy = data.aws_iam_policy_document.service[each.key].json
}
