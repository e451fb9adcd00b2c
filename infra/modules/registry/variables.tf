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

variable "release_prefix" {
  description = "What the tags of releases begin with. They stay, up to a thousand."
  type        = string
  default     = "v"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.release_prefix))
    error_message = "release_prefix is not the beginning of a tag; write it as in \"v\", without wildcards: everything would be a release."
  }
}

variable "keep_images" {
  description = "How many images stay that were never released. The one that dev runs must be among them."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.keep_images >= 10 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images is too small for a rollback; keep 10 or more."
  }
}

variable "force_delete" {
  description = "Whether a destroy also deletes the images. For environments that come and go."
  type        = bool
  default     = false
  nullable    = false
}
