output "cluster_name" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.name
}

output "cluster_arn" {
  description = "The cluster's ARN."
  value       = aws_ecs_cluster.this.arn
}

output "service_names" {
  description = "The services' names."
  value       = { for key, service in aws_ecs_service.this : key => service.name }
}

output "task_definition_arns" {
  description = "The task definitions, with their revisions."
  value       = { for key, definition in aws_ecs_task_definition.this : key => definition.arn }
}

output "security_group_id" {
  description = "The tasks' security group."
  value       = aws_security_group.tasks.id
}

output "execution_role_arns" {
  description = "The roles that start tasks and read their secrets."
  value       = { for key, role in aws_iam_role.execution : key => role.arn }
}

output "secret_arns" {
  description = "What each service's execution role may read from Secrets Manager."
  value       = local.secrets
}

output "task_role_arns" {
  description = "The roles of the programs."
  value       = { for key, role in aws_iam_role.task : key => role.arn }
}
