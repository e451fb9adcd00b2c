data "aws_caller_identity" "current" {}

# One vault per service: a JSON object of its keys.
resource "aws_secretsmanager_secret" "this" {
  for_each = var.services

  name                    = "${var.name}/${each.key}"
  description             = "Secrets of ${each.key}"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.recovery_window_days
}

# The first version has every key and no value, so that a task can start before anybody has put one in. It is
# write-only, and its number never changes: nothing secret reaches the state, and what was put in by hand stays.
resource "aws_secretsmanager_secret_version" "first" {
  for_each = var.services

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = jsonencode({ for key in each.value.keys : key => "" })
  secret_string_wo_version = 1

  # AWSCURRENT moves on with the next version. A version without any label is dropped some day, and Terraform
  # would then make it anew, as the current one: the label of its own keeps it.
  version_stages = ["AWSCURRENT", "FIRST"]

  lifecycle {
    ignore_changes = [version_stages]
  }
}

# Names are what may be unknown before the roles are made; who has a reader is known.
data "aws_iam_policy_document" "readers" {
  for_each = var.readers

  statement {
    sid       = "ReadersOnly"
    effect    = "Deny"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values   = compact([each.value, try(var.rotation.role_arn, null)])
    }

    # The provider reads the version that Terraform made, by its number, to see that it exists. It is empty.
    # Versions that Terraform makes have such numbers, and those of people and of rotations never do.
    condition {
      test     = "StringNotLike"
      variable = "secretsmanager:VersionId"
      values   = ["terraform-*"]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "readers" {
  for_each = var.readers

  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  policy              = data.aws_iam_policy_document.readers[each.key].json
  block_public_policy = true
}

resource "aws_secretsmanager_secret_rotation" "this" {
  #checkov:skip=CKV_AWS_304:The days are an input, 30 by default.
  for_each = var.rotation == null ? {} : var.services

  secret_id           = aws_secretsmanager_secret.this[each.key].id
  rotation_lambda_arn = var.rotation.lambda_arn

  # The first rotation waits for its day: until somebody has put a value in there is nothing to rotate.
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = var.rotation.days
  }

  depends_on = [aws_secretsmanager_secret_version.first, aws_lambda_permission.rotation]
}

resource "aws_lambda_permission" "rotation" {
  for_each = var.rotation == null ? {} : var.services

  statement_id   = "${var.name}-${each.key}"
  function_name  = var.rotation.lambda_arn
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_arn     = aws_secretsmanager_secret.this[each.key].arn
  source_account = data.aws_caller_identity.current.account_id
}
