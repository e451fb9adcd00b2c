# Reads what a plan reads. What people have stored, and what is secret, it does not: whoever opens a pull request
# decides what runs with this role.

resource "aws_iam_role_policy_attachment" "plan" {
  role       = aws_iam_role.plan.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/ReadOnlyAccess"
}

data "aws_iam_policy_document" "plan" {
  source_policy_documents = [data.aws_iam_policy_document.no_data["plan"].json]

  # Of all objects the states concern a plan, and the zips that were deployed.
  statement {
    sid     = "NoObjects"
    effect  = "Deny"
    actions = ["s3:GetObject", "s3:GetObjectVersion"]
    not_resources = concat(["${var.state_bucket_arn}/*"], [
      for name in values(local.own) : "arn:${local.partition}:s3:::${name}-objects-${local.account}/release/*"
    ])
  }
}

resource "aws_iam_role_policy" "plan" {
  name   = "limits"
  role   = aws_iam_role.plan.id
  policy = data.aws_iam_policy_document.plan.json
}

locals {
  # Whose use of a key serves a plan: the state, the environment of a function, an empty secret.
  plan_services = ["lambda.*.amazonaws.com", "s3.*.amazonaws.com", "secretsmanager.*.amazonaws.com"]

  # And an apply: these services try the key in the name of whoever makes a workspace, a vault or a table with it.
  apply_services = concat(local.plan_services, ["aps.*.amazonaws.com", "backup.*.amazonaws.com", "dynamodb.*.amazonaws.com"])
}

# For both kinds of roles.
data "aws_iam_policy_document" "no_data" {
  for_each = { plan = local.plan_services, apply = local.apply_services }

  # The provider reads the version that it made of a secret, to see that it exists; it is empty. Its number
  # begins with "terraform-", those of versions that people or rotations make never do.
  statement {
    sid       = "EmptySecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["arn:${local.partition}:secretsmanager:*:${local.account}:secret:${var.name}-*"]

    condition {
      test     = "StringLike"
      variable = "secretsmanager:VersionId"
      values   = ["terraform-*"]
    }
  }

  statement {
    sid       = "NoSecrets"
    effect    = "Deny"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["*"]

    condition {
      test     = "StringNotLike"
      variable = "secretsmanager:VersionId"
      values   = ["terraform-*"]
    }
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = ["arn:${local.partition}:kms:*:${local.account}:key/*"]

    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = each.value
    }
  }

  # Encrypted parameters among others.
  statement {
    sid       = "NoOtherDecryption"
    effect    = "Deny"
    actions   = ["kms:Decrypt"]
    resources = ["*"]

    condition {
      test     = "StringNotLike"
      variable = "kms:ViaService"
      values   = each.value
    }
  }

  # Contacts, messages about them and who gets them, and what was logged or sampled of them.
  statement {
    sid    = "NoContacts"
    effect = "Deny"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:ExportTableToPointInTime",
      "dynamodb:GetItem",
      "dynamodb:GetRecords",
      "dynamodb:PartiQLSelect",
      "dynamodb:Query",
      "dynamodb:Scan",
      "logs:FilterLogEvents",
      "logs:GetLogEvents",
      "logs:GetLogRecord",
      "logs:GetQueryResults",
      "logs:StartLiveTail",
      "logs:StartQuery",
      "secretsmanager:BatchGetSecretValue",
      "sns:ListSubscriptions",
      "sns:ListSubscriptionsByTopic",
      "sqs:ReceiveMessage",
      "wafv2:GetSampledRequests",
    ]
    resources = ["*"]
  }
}
