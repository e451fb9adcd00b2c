output "secret_arns" {
  description = "Service → ARN of its vault."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "value_from" {
  description = "Service → environment variable → what an ECS container definition calls valueFrom."

  # Not before there is a version: a task whose secret has none does not start.
  value = {
    for name, service in var.services : name => {
      for key in service.keys : key => "${aws_secretsmanager_secret_version.first[name].arn}:${key}::"
    }
  }
}
