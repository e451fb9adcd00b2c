output "base_url" {
  description = "Where clients reach the API."
  value       = module.stack.base_url
}

output "encrypted" {
  description = "Whether clients reach the API by HTTPS."
  value       = module.stack.encrypted
}

output "traffic" {
  description = "What make switch works with."
  sensitive   = true
  value       = module.stack.traffic
}

output "release" {
  description = "What was deployed last."
  value       = module.stack.release
}

output "data" {
  description = "What the environment keeps."
  value       = module.stack.data
}

output "metrics" {
  description = "Where the containers' metrics go."
  value       = module.stack.metrics
}

output "alerts" {
  description = "What is watched, by side and alert, and the topic that is told."
  value       = module.stack.alerts
}

output "log_groups" {
  description = "Log groups by side."
  value       = module.stack.log_groups
}

output "site" {
  description = "The web app, or null."
  value       = module.stack.site
}
