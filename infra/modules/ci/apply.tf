# Writes what an environment consists of. Roles it makes only under the environment's own names, and within its boundary.

resource "aws_iam_role_policy_attachment" "apply" {
  for_each = aws_iam_role.apply

  role       = each.value.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/PowerUserAccess"
}

data "aws_iam_policy_document" "apply" {
  for_each = local.own

  source_policy_documents = [data.aws_iam_policy_document.no_data["apply"].json]

  statement {
    sid = "Roles"
    actions = [
      "iam:AddRoleToInstanceProfile",
      "iam:CreateInstanceProfile",
      "iam:DeleteInstanceProfile",
      "iam:DeleteRole",
      "iam:GetInstanceProfile",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole",
      "iam:ListInstanceProfileTags",
      "iam:ListRolePolicies",
      "iam:ListRoleTags",
      "iam:RemoveRoleFromInstanceProfile",
      "iam:TagInstanceProfile",
      "iam:TagRole",
      "iam:UntagInstanceProfile",
      "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
      "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ]
    resources = [for kind in ["instance-profile", "role"] : "arn:${local.partition}:iam::${local.account}:${kind}/${each.value}-*"]
  }

  # What makes a role mightier, for roles with the boundary alone. Taking it from one is not among these actions.
  statement {
    sid = "BoundedRoles"
    actions = [
      "iam:CreateRole",
      "iam:DeleteRolePolicy",
      "iam:DetachRolePolicy",
      "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy",
    ]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${each.value}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary[each.key].arn]
    }
  }

  # Of AWS's own policies those for services, and Session Manager's; never one for administrators.
  statement {
    sid       = "ManagedPolicies"
    actions   = ["iam:AttachRolePolicy"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${each.value}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary[each.key].arn]
    }

    condition {
      test     = "ArnLike"
      variable = "iam:PolicyARN"
      values = [
        "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore",
        "arn:${local.partition}:iam::aws:policy/service-role/*",
      ]
    }
  }

  statement {
    sid       = "HandOver"
    actions   = ["iam:PassRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${each.value}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values = [
        "backup.amazonaws.com",
        "ec2.amazonaws.com",
        "ecs-tasks.amazonaws.com",
        "lambda.amazonaws.com",
        "scheduler.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
      ]
    }
  }

  # Jobs of one environment keep their hands off what bears the name of another one. (One whose name begins like
  # another's is not told apart from that.)
  dynamic "statement" {
    for_each = length(local.others[each.key]) > 0 ? [true] : []

    content {
      sid       = "OthersAlone"
      effect    = "Deny"
      actions   = ["dynamodb:*", "ecs:*", "elasticache:*", "lambda:*", "s3:*", "secretsmanager:*", "sns:*", "sqs:*", "ssm:*"]
      resources = local.others[each.key]
    }
  }

  # And off the states of the others, and all off the bucket itself.
  dynamic "statement" {
    for_each = length(var.environments) > 1 ? [true] : []

    content {
      sid       = "OwnState"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [for other in var.environments : "${var.state_bucket_arn}/${other}/*" if other != each.key]
    }
  }

  statement {
    sid    = "StateBucket"
    effect = "Deny"
    actions = [
      "s3:DeleteBucket",
      "s3:DeleteBucketPolicy",
      "s3:DeleteObjectVersion",
      "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
    ]
    resources = [var.state_bucket_arn, "${var.state_bucket_arn}/*"]
  }
}

resource "aws_iam_role_policy" "apply" {
  for_each = aws_iam_role.apply

  name   = "limits"
  role   = each.value.id
  policy = data.aws_iam_policy_document.apply[each.key].json
}
