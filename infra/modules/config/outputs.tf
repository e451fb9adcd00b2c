output "parameter_arn" {
  description = "ARN of the parameter with the collector's configuration, for the execution role and for valueFrom."
  value       = aws_ssm_parameter.collector.arn
}

output "parameter_name" {
  description = "Name of the parameter."
  value       = aws_ssm_parameter.collector.name
}

output "hash" {
  description = "SHA-256 of the configuration. In the task definition it makes a change of the parameter a deployment."
  value       = sha256(local.parameter)
}

output "workspace_id" {
  description = "ID of the Prometheus workspace."
  value       = aws_prometheus_workspace.this.id
}

output "workspace_arn" {
  description = "ARN of the Prometheus workspace."
  value       = aws_prometheus_workspace.this.arn
}

output "remote_write_url" {
  description = "Where metrics are sent."
  value       = local.remote_write_url
}

output "task_policy_json" {
  description = "What the collector may do, for the task role."
  value       = data.aws_iam_policy_document.task.json
}
