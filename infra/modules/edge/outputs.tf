output "alb_arn" {
  description = "The load balancer."
  value       = aws_lb.this.arn
}

output "alb_dns_name" {
  description = "The load balancer's own name."
  value       = aws_lb.this.dns_name
}

output "base_url" {
  description = "Where clients reach the services."
  value       = local.encrypted ? "https://${var.domain.name}" : "http://${aws_lb.this.dns_name}"
}

output "encrypted" {
  description = "Whether clients are served by HTTPS. Without a domain they are not: tokens travel in the clear, so keep real contacts out."
  value       = local.encrypted
}

output "security_group_id" {
  description = "The load balancer's security group."
  value       = aws_security_group.this.id
}

output "listener_arn" {
  description = "The listener of the rules."
  value       = aws_lb_listener.main.arn
}

output "rule_arns" {
  description = "The weighted rules, by service."
  value       = { for service in keys(var.services) : service => [for key, rule in aws_lb_listener_rule.weighted : rule.arn if local.weighted_rules[key].service == service] }
}

output "target_group_arns" {
  description = "The target groups, by service and target."
  value       = { for service in keys(var.services) : service => { for target in local.targets : target => aws_lb_target_group.this["${service}/${target}"].arn } }

  # ECS refuses a target group that no listener uses yet.
  depends_on = [aws_lb_listener_rule.weighted, aws_lb_listener_rule.smoke]
}

output "smoke_header" {
  description = "The header that chooses a target: its name, and its value for each target."
  value       = { name = local.smoke_header, values = local.smoke_values }
}

output "site_header" {
  description = "The header by which the firewall knows requests that a site hands on: its name and its value."
  sensitive   = true
  value       = local.site_header
}

output "viewer_header" {
  description = "The header in which a site names the address of its client."
  value       = local.viewer_header
}

output "waf_arn" {
  description = "The web ACL, or null."
  value       = one(aws_wafv2_web_acl.this[*].arn)
}

output "certificate_arn" {
  description = "ARN of the certificate; null without a domain."
  value       = local.certificate_arn
}
