output "topic_arn" {
  description = "ARN of the topic that everybody who is told has subscribed."
  value       = aws_sns_topic.alerts.arn
}

output "alerts" {
  description = "What is watched, by side and alert: \"rule\", \"alarm\", \"event\", or the reason why it is not there."
  value = { for side, alerts in local.watched : side => { for name, alert in alerts : name => coalesce(
    can(alert.expr) ? "rule" : null,
    can(alert.alarms) ? "alarm" : null,
    can(alert.event) ? "event" : null,
    try(alert.elsewhere, null),
    try(alert.excluded, null),
  ) } }
}
