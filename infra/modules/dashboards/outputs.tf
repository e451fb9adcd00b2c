# Of the name alone: alarms link to the dashboard, and the dashboard shows the topic that alarms write to.
output "url" {
  description = "Where the dashboard is, for whoever is logged in to the account."
  value       = "https://${data.aws_region.current.name}.console.aws.amazon.com/cloudwatch/home?region=${data.aws_region.current.name}#dashboards/dashboard/${var.name}"
}
