output "function_names" {
  description = "The functions: api and worker."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}

output "function_arns" {
  description = "The functions' ARNs, without version."
  value       = { for name, function in aws_lambda_function.this : name => function.arn }
}

output "alias" {
  description = "The alias that callers call."
  value       = "live"
}

output "alias_arns" {
  description = "The aliases' ARNs."
  value       = { for name, alias in aws_lambda_alias.live : name => alias.arn }
}

output "published_versions" {
  description = "The versions published last. A release moves the alias to them."
  value       = { for name, function in aws_lambda_function.this : name => function.version }
}

output "role_arns" {
  description = "The functions' roles."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
