variable "name" {
  description = "Prefix of every resource name, such as \"contact-manager-dev\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 28
    error_message = "name does not fit into every name that AWS allows: use 3 to 28 lower-case letters, digits and single hyphens between them, beginning with a letter."
  }
}

variable "customer_managed_key" {
  description = "Whether there is a KMS key of one's own: about a dollar a month and a price per use."
  type        = bool
  default     = false
  nullable    = false
}

variable "trail" {
  description = "Whether CloudTrail records what happens in the account. The first trail of an account is free; have one per account."
  type        = bool
  default     = false
  nullable    = false
}

variable "budget" {
  description = "A sum per month in US dollars, and who is told at 80 % of it and when a forecast exceeds it; null for none."
  type = object({
    monthly_usd = number
    email       = string
  })
  default = null

  validation {
    condition     = var.budget == null || try(var.budget.monthly_usd > 0, false)
    error_message = "budget.monthly_usd is not a sum of money; name a number of US dollars above 0."
  }

  validation {
    condition     = var.budget == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.budget.email))
    error_message = "budget.email is not an email address; write it as in \"team@example.com\"."
  }
}

variable "force_destroy" {
  description = "Whether a destroy also deletes the trail's files. For environments that come and go."
  type        = bool
  default     = false
  nullable    = false
}
