output "plan_role_arn" {
  description = "ARN of the role for pull requests and the nightly look for drift."
  value       = aws_iam_role.plan.arn
}

output "apply_role_arns" {
  description = "Environment → ARN of the role for its jobs."
  value       = { for environment, role in aws_iam_role.apply : environment => role.arn }
}

output "permissions_boundary_arns" {
  description = "Environment → ARN of the policy that its roles must have as their permissions boundary."
  value       = { for environment, policy in aws_iam_policy.boundary : environment => policy.arn }
}

output "provider_arn" {
  description = "ARN of GitHub's OIDC provider."
  value       = var.provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.provider_arn
}
