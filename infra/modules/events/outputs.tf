output "topic_arn" {
  description = "ARN of the topic (CONTACTS_TOPIC_ARN)."
  value       = aws_sns_topic.events.arn
}

output "schedule_group_name" {
  description = "Name of the group of schedules."
  value       = aws_scheduler_schedule_group.this.name
}
