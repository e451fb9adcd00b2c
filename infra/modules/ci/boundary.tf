# The most that a role of an environment can do, whatever its own policies say. A role that applies may write policies;
# with this as the condition, it cannot write itself a way to IAM, to other environments' data, or out of the account.

locals {
  # What is named exactly like the environment, or begins with it.
  own = { for environment in var.environments : environment => "${var.name}-${environment}" }

  # What another environment cannot do without, and bears its name.
  others = { for mine, name in local.own : mine => flatten([for other, theirs in local.own : [
    "arn:${local.partition}:dynamodb:*:${local.account}:table/${theirs}-*",
    "arn:${local.partition}:ecs:*:${local.account}:*/${theirs}-*",
    "arn:${local.partition}:elasticache:*:${local.account}:*:${theirs}*",
    "arn:${local.partition}:lambda:*:${local.account}:function:${theirs}-*",
    "arn:${local.partition}:s3:::${theirs}-*",
    "arn:${local.partition}:secretsmanager:*:${local.account}:secret:${theirs}/*",
    "arn:${local.partition}:sns:*:${local.account}:${theirs}-*",
    "arn:${local.partition}:sqs:*:${local.account}:${theirs}-*",
    "arn:${local.partition}:ssm:*:${local.account}:parameter/${var.name}/${other}/*",
  ] if other != mine && !startswith("${name}-", "${theirs}-")]) }
}

resource "aws_iam_policy" "boundary" {
  for_each = data.aws_iam_policy_document.boundary

  name        = "${var.name}-ci-boundary-${each.key}"
  description = "The most that roles of ${each.key} can do"
  policy      = each.value.json
}

data "aws_iam_policy_document" "boundary" {
  #checkov:skip=CKV_AWS_107:A boundary grants nothing: the roles' own policies name the secrets.
  #checkov:skip=CKV_AWS_108:A boundary grants nothing: the roles' own policies name tables, queues and parameters.
  #checkov:skip=CKV_AWS_109:A boundary grants nothing, and there is no action of IAM in it.
  #checkov:skip=CKV_AWS_111:A boundary grants nothing: the roles' own policies name what is written to.
  #checkov:skip=CKV_AWS_356:A boundary grants nothing; below Services are calls that no ARN limits, or only by random IDs.
  for_each = local.own

  # What an environment keeps, by its names.
  statement {
    sid = "Own"
    actions = [
      "dynamodb:*",
      "elasticache:Connect",
      "s3:DeleteObject",
      "s3:GetObject",
      "s3:ListBucket",
      "s3:PutObject",
      "secretsmanager:GetSecretValue",
      "sns:*",
      "sqs:*",
      "ssm:GetParameters",
    ]
    resources = [for resource in [
      "dynamodb:*:${local.account}:table/${each.value}-*",
      "elasticache:*:${local.account}:replicationgroup:${each.value}",
      "elasticache:*:${local.account}:user:${each.value}-*",
      "secretsmanager:*:${local.account}:secret:${each.value}/*",
      "sns:*:${local.account}:${each.value}-*",
      "sqs:*:${local.account}:${each.value}-*",
      "ssm:*:${local.account}:parameter/${each.value}/*",
      "s3:::${each.value}-objects-*",
    ] : "arn:${local.partition}:${resource}"]
  }

  # What functions, tasks, their collectors, hosts, flow logs and AWS Backup call besides.
  statement {
    sid = "Services"
    actions = [
      "aps:RemoteWrite",
      "backup:CopyFromBackupVault",
      "backup:CopyIntoBackupVault",
      "backup:DescribeBackupVault",
      "backup:TagResource",
      "cloudwatch:GetMetricData",
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:DescribeTags",
      "ec2:UnassignPrivateIpAddresses",
      "ec2messages:*",
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:GetAuthorizationToken",
      "ecr:GetDownloadUrlForLayer",
      "ecs:DeregisterContainerInstance",
      "ecs:DiscoverPollEndpoint",
      "ecs:ListTagsForResource",
      "ecs:Poll",
      "ecs:RegisterContainerInstance",
      "ecs:StartTelemetrySession",
      "ecs:Submit*",
      "ecs:TagResource",
      "ecs:UpdateContainerInstancesState",
      "kms:CreateGrant",
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey*",
      "kms:ReEncrypt*",
      "logs:CreateLogStream",
      "logs:DescribeLogGroups",
      "logs:DescribeLogStreams",
      "logs:PutLogEvents",
      "sns:GetSubscriptionAttributes",
      "sns:Unsubscribe",
      "ssm:ListAssociations",
      "ssm:ListInstanceAssociations",
      "ssm:UpdateInstanceInformation",
      "ssmmessages:*",
      "tag:GetResources",
      "xray:PutSpans",
      "xray:PutSpansForIndexing",
    ]
    resources = ["*"]
  }
}
