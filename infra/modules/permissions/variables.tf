variable "table_arn" {
  description = "ARN of the DynamoDB table."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[^/]+$", var.table_arn))
    error_message = "table_arn is not the ARN of a DynamoDB table; pass the output table_arn of the module data."
  }
}

variable "queue_arn" {
  description = "ARN of the SQS queue between the API and the workers."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[^:]+$", var.queue_arn))
    error_message = "queue_arn is not the ARN of an SQS queue; pass the output queue_arn of the module queue."
  }
}

variable "dead_letter_queue_arn" {
  description = "ARN of the queue of messages that were given up."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[^:]+$", var.dead_letter_queue_arn))
    error_message = "dead_letter_queue_arn is not the ARN of an SQS queue; pass the output dead_letter_queue_arn of the module queue."
  }
}

variable "topic_arn" {
  description = "ARN of the SNS topic through which events are sent."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[^:]+$", var.topic_arn))
    error_message = "topic_arn is not the ARN of an SNS topic; pass the output topic_arn of the module events."
  }
}

variable "bucket_arn" {
  description = "ARN of the bucket of the history."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]+$", var.bucket_arn))
    error_message = "bucket_arn is not the ARN of a bucket; pass the output bucket_arn of the module data."
  }
}

variable "key_arns" {
  description = "ARNs of the customer-managed KMS keys of the table, the queues, the topic and the bucket; none if AWS owns their keys."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", arn))])
    error_message = "key_arns holds something that is not the ARN of a KMS key (an alias does not do); leave the list empty if there is no key."
  }
}

variable "cache" {
  description = "The cache and the user that the processes log in as; null without a cache."
  type = object({
    replication_group_arn = string
    user_arn              = string
  })
  default = null
}
