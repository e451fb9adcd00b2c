variable "region" {
  description = "The region of the bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is not a region; write it as in \"eu-central-1\"."
  }
}

variable "name" {
  description = "The product's name, with which the names of all environments begin."
  type        = string
  default     = "contact-manager"
  nullable    = false
}

variable "github" {
  description = "The repository whose workflows plan and apply; null for none. See the module ci."
  type = object({
    repository = string
    ids = optional(object({
      owner      = string
      repository = string
    }))
    branch       = optional(string, "main")
    environments = optional(list(string), ["dev", "staging", "prod"])
    provider_arn = optional(string)
  })
  default = null
}

variable "force_destroy" {
  description = "Whether a destroy also deletes the states, and with them the knowledge of what there is."
  type        = bool
  default     = false
  nullable    = false
}

variable "advanced_table_backups" {
  description = "Whether to switch on AWS Backup's advanced features for DynamoDB in this account and region, which cold storage needs. Accounts made after November 2021 have them."
  type        = bool
  default     = false
  nullable    = false
}
