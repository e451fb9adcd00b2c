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

variable "table_name" {
  description = "The table's name; null for NAME-contacts. A table that was restored has another one."
  type        = string
  default     = null

  validation {
    condition     = var.table_name == null || can(regex("^[A-Za-z0-9._-]{3,255}$", var.table_name))
    error_message = "table_name is no name of a table; use 3 to 255 letters, digits, dots, hyphens and underscores."
  }
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table."
  type        = bool
  default     = true
  nullable    = false
}

variable "point_in_time_recovery" {
  description = "Whether the table can be restored to any second of the last 35 days."
  type        = bool
  default     = true
  nullable    = false
}

variable "max_read_units" {
  description = "The most read request units per second; null for no maximum. What is above is throttled."
  type        = number
  default     = null

  validation {
    condition     = var.max_read_units == null || try(var.max_read_units >= 1 && floor(var.max_read_units) == var.max_read_units, false)
    error_message = "max_read_units is not a whole number from 1; set it to null for no maximum."
  }
}

variable "max_write_units" {
  description = "The most write request units per second; null for no maximum. What is above is throttled."
  type        = number
  default     = null

  validation {
    condition     = var.max_write_units == null || try(var.max_write_units >= 1 && floor(var.max_write_units) == var.max_write_units, false)
    error_message = "max_write_units is not a whole number from 1; set it to null for no maximum."
  }
}

variable "replicas" {
  description = "Other regions that hold a copy of the table, such as [\"eu-west-1\"]."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.replicas : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "replicas holds something that is not a region; write them as in [\"eu-west-1\"]."
  }

  validation {
    condition     = length(distinct(var.replicas)) == length(var.replicas)
    error_message = "replicas names a region twice; a table has one replica in a region."
  }
}

variable "replica_key_arns" {
  description = "For each replica the KMS key of its region, where key_arn is set: a key serves one region."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = var.key_arn == null ? length(var.replica_key_arns) == 0 : toset(keys(var.replica_key_arns)) == toset(var.replicas)
    error_message = "replica_key_arns and key_arn do not go together: with key_arn name one key for each of the replicas, without it none."
  }
}

variable "backup" {
  description = "Daily copies by AWS Backup, and after how many days they go to cold storage and are deleted; null for none. The schedule is in UTC."
  type = object({
    schedule          = optional(string, "cron(0 3 * * ? *)")
    cold_after_days   = optional(number, 30)
    delete_after_days = optional(number, 365)
  })
  default = null

  validation {
    condition     = var.backup == null || can(regex("^cron\\(.+\\)$", var.backup.schedule))
    error_message = "backup.schedule is no cron expression of AWS; write it as in \"cron(0 3 * * ? *)\"."
  }

  validation {
    condition     = var.backup == null || try(var.backup.cold_after_days >= 1 && var.backup.delete_after_days >= var.backup.cold_after_days + 90, false)
    error_message = "backup.delete_after_days comes too early: what went to cold storage stays there for 90 days at least, so make it cold_after_days + 90 or more."
  }
}

variable "force_destroy" {
  description = "Whether a destroy also deletes the objects and the backups. For environments that come and go."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles made here; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/", var.permissions_boundary))
    error_message = "permissions_boundary is not the ARN of a policy; pass one of the output permissions_boundary_arns of bootstrap, or null."
  }
}
