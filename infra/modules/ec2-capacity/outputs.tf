output "capacity_provider_name" {
  description = "The capacity provider for a cluster's services."
  value       = aws_ecs_capacity_provider.this.name
}

output "capacity_provider_arn" {
  description = "Its ARN."
  value       = aws_ecs_capacity_provider.this.arn
}

output "autoscaling_group_name" {
  description = "The group of hosts."
  value       = aws_autoscaling_group.this.name
}

output "instance_types" {
  description = "The types that hosts may have."
  value       = local.instance_types
}

output "security_group_id" {
  description = "The hosts' security group. Tasks have one of their own."
  value       = aws_security_group.hosts.id
}
