variable "name" {
  description = "Prefix of every resource name, such as \"contact-manager-dev\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 28
    error_message = "name does not fit into every name that AWS allows: use 3 to 28 lower-case letters, digits and single hyphens between them, beginning with a letter."
  }
}

variable "key_arn" {
  description = "ARN of a customer-managed KMS key; null leaves encryption to keys of AWS."
  type        = string
  default     = null

  validation {
    condition     = var.key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.key_arn))
    error_message = "key_arn is not the ARN of a KMS key (an alias does not do); pass the output key_arn of the module audit, or null."
  }
}

variable "worker_timeout" {
  description = "Timeout of the worker's function in seconds. A message stays away from others for six times as long."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.worker_timeout >= 10 && var.worker_timeout <= 900 && floor(var.worker_timeout) == var.worker_timeout
    error_message = "worker_timeout is no timeout that a worker's function can have; use 10 to 900 whole seconds."
  }
}
