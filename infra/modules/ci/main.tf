data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  issuer    = "token.actions.githubusercontent.com"

  # What is allowed to whom, as GitHub writes it into its tokens. A pull request from a fork gets no token at all.
  purposes = merge(
    { plan = ["pull_request", "ref:refs/heads/${var.branch}"] },
    { for environment in var.environments : "apply-${environment}" => ["environment:${environment}"] },
  )

  # Repositories made or renamed since July 2026, and those that chose it, are named with numbers that are never given
  # again. Until a repository changes over, its tokens have the names alone, so both are right.
  repositories = concat([var.repository], [for ids in var.repository_ids[*] :
    format("%s@%s/%s@%s", split("/", var.repository)[0], ids.owner, split("/", var.repository)[1], ids.repository)
  ])

  subjects = { for role, purposes in local.purposes : role => [
    for pair in setproduct(local.repositories, purposes) : "repo:${pair[0]}:${pair[1]}"
  ] }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    # Whole subjects, no wildcards: a branch called "environment:prod" is nobody.
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = each.value
    }
  }
}

resource "aws_iam_role" "plan" {
  name                 = "${var.name}-ci-plan"
  description          = "Pull requests and the nightly look for drift: reads"
  assume_role_policy   = data.aws_iam_policy_document.trust["plan"].json
  max_session_duration = 3600
}

resource "aws_iam_role" "apply" {
  for_each = toset(var.environments)

  name                 = "${var.name}-ci-apply-${each.key}"
  description          = "Jobs in the environment ${each.key}: writes"
  assume_role_policy   = data.aws_iam_policy_document.trust["apply-${each.key}"].json
  max_session_duration = 3600
}
