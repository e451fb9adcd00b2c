output "table_name" {
  description = "Name of the table (CONTACTS_TABLE)."
  value       = aws_dynamodb_table.contacts.name
}

output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.contacts.arn
}

output "bucket_name" {
  description = "Name of the bucket for objects and exports."
  value       = aws_s3_bucket.objects.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket for objects and exports."
  value       = aws_s3_bucket.objects.arn
}

output "backup_vault_name" {
  description = "Name of the backup vault; null without backups."
  value       = one(aws_backup_vault.this[*].name)
}

output "backup_role_arn" {
  description = "ARN of the role that makes backups and restores them; null without backups."
  value       = one(aws_iam_role.backup[*].arn)
}
