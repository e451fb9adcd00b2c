output "topic_arn" {
  description = "ARN of the topic that everybody who is told has subscribed."
  value       = aws_sns_topic.alerts.arn
}

output "alarm_arns" {
  description = "ARNs of the alarms that tell: of several that do so together, the composite one."
  value = concat(
    [for key, single in local.single : aws_cloudwatch_metric_alarm.this[key].arn if !contains(keys(local.composite), single.of)],
    [for alarm in aws_cloudwatch_composite_alarm.this : alarm.arn],
  )
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
