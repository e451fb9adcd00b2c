output "queue_url" {
  description = "URL of the queue (CONTACTS_QUEUE_URL)."
  value       = aws_sqs_queue.jobs.url
}

output "queue_arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.jobs.arn
}

output "queue_name" {
  description = "Name of the queue, as CloudWatch's metrics know it."
  value       = aws_sqs_queue.jobs.name
}

output "dead_letter_queue_url" {
  description = "URL of the queue of messages that were given up."
  value       = aws_sqs_queue.dead.url
}

output "dead_letter_queue_arn" {
  description = "ARN of the queue of messages that were given up."
  value       = aws_sqs_queue.dead.arn
}

output "dead_letter_queue_name" {
  description = "Name of the queue of messages that were given up, as CloudWatch's metrics know it."
  value       = aws_sqs_queue.dead.name
}
