output "url" {
  description = "Address of the cache, with the user and the replication group that its IAM token is for (CONTACTS_CACHE_URL)."
  value       = "rediss://${aws_elasticache_user.app.user_name}@${aws_elasticache_replication_group.this.primary_endpoint_address}:6379?iam=${aws_elasticache_replication_group.this.replication_group_id}"
}

output "replication_group_arn" {
  description = "ARN of the replication group."
  value       = aws_elasticache_replication_group.this.arn
}

output "user_arn" {
  description = "ARN of the user that the processes log in as."
  value       = aws_elasticache_user.app.arn
}

output "security_group_id" {
  description = "The cache's security group."
  value       = aws_security_group.this.id
}
