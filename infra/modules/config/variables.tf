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

variable "region" {
  description = "The region of the workspace."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is not a region; write it as in \"eu-central-1\"."
  }
}

variable "memory" {
  description = "Memory of the collector's container in MB."
  type        = number
  default     = 128
  nullable    = false

  validation {
    condition     = var.memory >= 64 && floor(var.memory) == var.memory
    error_message = "memory is too little for a collector; give its container 64 MB or more."
  }
}

variable "tracing" {
  description = "Whether the collector takes traces on 127.0.0.1:4318 and sends them to X-Ray."
  type        = bool
  default     = false
  nullable    = false
}

variable "pace" {
  description = "Divides the time between two scrapes. Tests run faster than life; everything else leaves it at 1."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2, 3, 5, 6, 10, 15], var.pace)
    error_message = "pace must be 1, 2, 3, 5, 6, 10 or 15, so that whole milliseconds are left."
  }
}
