variable "name" {
  description = "Prefix of every resource name, such as \"contact-manager-dev\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 28
    error_message = "name does not fit into every name that AWS allows: use 3 to 28 lower-case letters, digits and single hyphens between them, beginning with a letter."
  }
}

variable "repository" {
  description = "The repository on GitHub, as \"OWNER/NAME\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository is not the name of a repository; write it as in \"example/contact-manager\", without wildcards."
  }
}

variable "repository_ids" {
  description = "The numbers that GitHub gave the repository and its owner, if the subjects of its tokens hold them; null if they hold names alone."
  type = object({
    owner      = string
    repository = string
  })
  default = null

  validation {
    condition     = var.repository_ids == null || try(alltrue([for id in values(var.repository_ids) : can(regex("^[0-9]+$", id))]), false)
    error_message = "repository_ids are two numbers; gh api repos/OWNER/NAME --jq '.owner.id, .id' prints them."
  }
}

variable "branch" {
  description = "The branch whose nightly job plans. Which branches may deploy is said in the settings of GitHub's environments."
  type        = string
  default     = "main"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.branch))
    error_message = "branch is not the name of a branch; write it as in \"main\", without wildcards."
  }
}

variable "environments" {
  description = "GitHub's environments; each gets a role that writes what is called NAME-ENVIRONMENT-…, and no other environment's."
  type        = list(string)
  default     = ["dev", "staging", "prod"]
  nullable    = false

  validation {
    condition     = length(var.environments) > 0 && alltrue([for name in var.environments : can(regex("^[a-z][a-z0-9]*$", name))])
    error_message = "environments needs at least one name of lower-case letters and digits: with a hyphen, the names of one could be those of another."
  }

  validation {
    condition     = length(distinct(var.environments)) == length(var.environments) && !contains(var.environments, "ci")
    error_message = "environments has a name twice, or \"ci\", which is what these roles themselves are called."
  }
}

variable "state_bucket_arn" {
  description = "ARN of the bucket of the states, whose keys begin with \"ENVIRONMENT/\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]+$", var.state_bucket_arn))
    error_message = "state_bucket_arn is not the ARN of a bucket; pass the output bucket_arn of the module bootstrap."
  }
}

variable "provider_arn" {
  description = "ARN of GitHub's OIDC provider where the account has it already: there can be one. Null makes it."
  type        = string
  default     = null

  validation {
    condition     = var.provider_arn == null || can(regex(":oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.provider_arn))
    error_message = "provider_arn is not GitHub's OIDC provider; its ARN ends with :oidc-provider/token.actions.githubusercontent.com."
  }
}
