output "bucket" {
  description = "Name of the bucket, for the backends of the environments."
  value       = module.bootstrap.bucket
}

output "backend" {
  description = "What the environments' backend.hcl says."
  value       = <<-EOT
    bucket = "${module.bootstrap.bucket}"
    region = "${var.region}"
  EOT
}

output "repository_url" {
  description = "Where images are pushed to."
  value       = module.registry.repository_url
}

output "plan_role_arn" {
  description = "Role for workflows that plan; null without a repository."
  value       = one(module.ci[*].plan_role_arn)
}

output "apply_role_arns" {
  description = "Environment → role for workflows that apply; null without a repository."
  value       = one(module.ci[*].apply_role_arns)
}

output "permissions_boundary_arns" {
  description = "Environment → what its terraform.tfvars says as permissions_boundary; null without a repository."
  value       = one(module.ci[*].permissions_boundary_arns)
}
