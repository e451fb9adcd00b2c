# Two roles for each service. The execution role is ECS's own, for starting a task: image, logs, secrets,
# the collector's configuration. The task role is what the programs in it may do.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:*"]
    }
  }
}

resource "aws_iam_role" "execution" {
  for_each = var.services

  name                 = "${var.name}-${each.key}-execution"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role" "task" {
  for_each = var.services

  name                 = "${var.name}-${each.key}-task"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
}

locals {
  # The repositories of images in ECR; other registries ask for no permission of AWS.
  repositories = { for name, service in var.services : name => try([for part in [regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com[.a-z]*/(?P<path>[^@:]+)", service.image)] :
    "arn:${data.aws_partition.current.partition}:ecr:${part.region}:${part.account}:repository/${part.path}"
  ], []) }

  # The ARN of a vault is the reference to one of its keys without the key.
  vaults = { for name, service in var.services : name => distinct([for from in values(service.secrets) : join(":", slice(split(":", from), 0, 7))]) }

  # All that ECS reads from Secrets Manager to start a task.
  secrets = { for name, service in var.services : name => concat(local.vaults[name], service.registry_credentials_arn[*]) }

  # Known before the vaults are made, as their ARNs are not.
  has_secrets = { for name, service in var.services : name => length(service.secrets) > 0 || service.registry_credentials_arn != null }
}

data "aws_iam_policy_document" "execution" {
  for_each = var.services

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for container in [each.key, "${each.key}-collector"] : "${var.log_groups[container].arn}:*"]
  }

  statement {
    sid       = "CollectorConfiguration"
    actions   = ["ssm:GetParameters"]
    resources = [var.sidecar.config_parameter_arn]
  }

  dynamic "statement" {
    for_each = local.repositories[each.key]

    content {
      sid       = "Image"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [statement.value]
    }
  }

  # A token of a registry, which no ARN names.
  dynamic "statement" {
    for_each = local.repositories[each.key]

    content {
      sid       = "Registry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.has_secrets[each.key] ? [local.secrets[each.key]] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.has_secrets[each.key] && var.key_arn != null ? [var.key_arn] : []

    content {
      sid       = "SecretsKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${data.aws_region.current.name}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  for_each = var.services

  name   = "start"
  role   = aws_iam_role.execution[each.key].id
  policy = data.aws_iam_policy_document.execution[each.key].json
}

# What the code calls.
resource "aws_iam_role_policy" "code" {
  for_each = var.services

  name   = "code"
  role   = aws_iam_role.task[each.key].id
  policy = each.value.policy_json
}

# What the collector calls.
resource "aws_iam_role_policy" "collector" {
  for_each = var.services

  name   = "collector"
  role   = aws_iam_role.task[each.key].id
  policy = var.sidecar.policy_json
}

data "aws_iam_policy_document" "execute_command" {
  #checkov:skip=CKV_AWS_111:the channels of a session have no ARNs
  #checkov:skip=CKV_AWS_356:the channels of a session have no ARNs
  statement {
    sid = "ExecuteCommand"
    actions = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "execute_command" {
  for_each = var.execute_command ? var.services : {}

  name   = "execute-command"
  role   = aws_iam_role.task[each.key].id
  policy = data.aws_iam_policy_document.execute_command.json
}
