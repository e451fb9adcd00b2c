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

variable "services" {
  description = "The services and the keys of their secrets, which are the names of environment variables."
  type        = map(object({ keys = list(string) }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "services has a name that is none of ours; use lower-case letters, digits and hyphens, beginning with a letter."
  }

  validation {
    condition     = alltrue(flatten([for service in var.services : [for key in service.keys : can(regex("^[A-Z_][A-Z0-9_]*$", key))]]))
    error_message = "services has a key that is no environment variable; write keys as in \"CONTACTS_TOKEN\"."
  }

  validation {
    condition     = alltrue([for service in var.services : length(service.keys) > 0 && length(distinct(service.keys)) == length(service.keys)])
    error_message = "services has a service without keys, or with a key twice; leave out services that have no secret."
  }
}

variable "readers" {
  description = "Service → ARN of the execution role that alone may read its secrets; * stands for any part of a name. Who is missing here is bound by IAM policies only."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.readers) : contains(keys(var.services), name)])
    error_message = "readers names a service that services does not have; use the same names."
  }

  validation {
    condition     = alltrue([for arn in values(var.readers) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/", arn))])
    error_message = "readers holds something that is not the ARN of a role; pass the execution roles of the services."
  }
}

variable "rotation" {
  description = "The function that rotates the secrets, every how many days, and its role, which must read them where there are readers; null for no rotation."
  type = object({
    lambda_arn = string
    days       = optional(number, 30)
    role_arn   = optional(string)
  })
  default = null

  validation {
    condition     = var.rotation == null || can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:", var.rotation.lambda_arn))
    error_message = "rotation.lambda_arn is not the ARN of a function; pass that of the function that rotates."
  }

  validation {
    condition     = var.rotation == null || try(var.rotation.days >= 1 && var.rotation.days <= 1000, false)
    error_message = "rotation.days is not a number of days that Secrets Manager knows; use 1 to 1000."
  }

  validation {
    condition     = var.rotation == null || length(var.readers) == 0 || try(var.rotation.role_arn != null, false)
    error_message = "rotation.role_arn is missing while readers shuts out everybody else; pass the role of the function that rotates."
  }
}

variable "recovery_window_days" {
  description = "For how many days a deleted vault can be brought back; 0 deletes at once, and frees the name at once."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "recovery_window_days is no period that Secrets Manager knows; use 0, or 7 to 30."
  }
}
