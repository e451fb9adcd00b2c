# Point-in-time recovery reaches back 35 days and dies with the table. These copies outlive both.

resource "aws_backup_vault" "this" {
  count = var.backup == null ? 0 : 1

  name          = "${var.name}-contacts"
  kms_key_arn   = var.key_arn
  force_destroy = var.force_destroy
}

resource "aws_backup_plan" "this" {
  count = var.backup == null ? 0 : 1

  name = "${var.name}-contacts"

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.this[0].name
    schedule          = var.backup.schedule
    start_window      = 60
    completion_window = 360

    lifecycle {
      cold_storage_after = var.backup.cold_after_days
      delete_after       = var.backup.delete_after_days
    }
  }
}

resource "aws_backup_selection" "this" {
  count = var.backup == null ? 0 : 1

  name         = "${var.name}-contacts"
  plan_id      = aws_backup_plan.this[0].id
  iam_role_arn = aws_iam_role.backup[0].arn
  resources    = [aws_dynamodb_table.contacts.arn]

  # AWS Backup tries the role when the selection is made.
  depends_on = [aws_iam_role_policy_attachment.backup]
}

data "aws_iam_policy_document" "backup_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "backup" {
  count = var.backup == null ? 0 : 1

  name                 = "${var.name}-backup"
  assume_role_policy   = data.aws_iam_policy_document.backup_trust.json
  permissions_boundary = var.permissions_boundary
}

# A copy that nobody may restore is none: the same role brings tables back.
resource "aws_iam_role_policy_attachment" "backup" {
  for_each = var.backup == null ? [] : toset([
    "AWSBackupServiceRolePolicyForBackup",
    "AWSBackupServiceRolePolicyForRestores",
  ])

  role       = aws_iam_role.backup[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/${each.key}"
}
