variable "product" {
  description = "Name of the product, as it begins the name of every alert."
  type        = string
  default     = "contact-manager"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$", var.product))
    error_message = "product begins the subject of emails, which is short and ASCII: use at most 40 letters, digits, spaces, dots, hyphens and underscores."
  }
}

variable "name" {
  description = "Prefix of every resource name, such as \"contact-manager-dev\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 28
    error_message = "name does not fit into every name that AWS allows: use 3 to 28 lower-case letters, digits and single hyphens between them, beginning with a letter."
  }
}

variable "environment" {
  description = "Name of the environment, as in make deploy ENV=."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,10}$", var.environment))
    error_message = "environment must be 2 to 11 lower-case letters and digits, beginning with a letter, e.g. dev."
  }
}

variable "key_arn" {
  description = "ARN of a customer-managed KMS key for the topic; null leaves it to SNS."
  type        = string
  default     = null

  validation {
    condition     = var.key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.key_arn))
    error_message = "key_arn is not the ARN of a KMS key (an alias does not do); pass the output key_arn of the module audit, or null."
  }
}

variable "emails" {
  description = "Who is told. AWS asks each address to confirm first."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "emails must be addresses, e.g. [\"on-call@example.com\"]."
  }
}

variable "sides" {
  description = "The sides that exist, by target: of containers how many tasks of api and worker there must be, and the log groups of their collectors."
  type = map(object({
    wanted         = optional(object({ api = number, worker = number }), { api = 0, worker = 0 })
    collector_logs = optional(map(string), {})
  }))
  nullable = false

  validation {
    condition     = alltrue([for side in keys(var.sides) : contains(["lambda", "fargate", "ec2"], side)])
    error_message = "sides must be named lambda, fargate or ec2."
  }

  validation {
    condition     = alltrue([for side, of in var.sides : side == "lambda" || min(of.wanted.api, of.wanted.worker) >= 1])
    error_message = "Of containers at least one task of api and one of worker must be wanted: sides.NAME.wanted."
  }
}

variable "live" {
  description = "The side that has the traffic."
  type        = string
  nullable    = false

  validation {
    condition     = contains(keys(var.sides), var.live)
    error_message = "live must be one of sides."
  }
}

variable "workspace" {
  description = "The Prometheus workspace."
  type        = object({ id = string, arn = string })
  nullable    = false
}

variable "load_balancer" {
  description = "The load balancer as CloudWatch names it: what follows loadbalancer/ in its ARN."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^app/[^/]+/[^/]+$", var.load_balancer))
    error_message = "load_balancer must look like app/NAME/ID, the end of the ARN."
  }
}

variable "target_groups" {
  description = "The API's target groups by target, as CloudWatch names them: the last part of the ARN, from targetgroup/ on."
  type        = object({ lambda = string, fargate = string, ec2 = string })
  nullable    = false
}

variable "queues" {
  description = "Names of the queue of jobs and of its dead-letter queue."
  type        = object({ jobs = string, dead_letters = string })
  nullable    = false
}

variable "cache" {
  description = "Whether there is a shared cache."
  type        = bool
  default     = false
  nullable    = false
}

variable "certificate" {
  description = "The API's certificate; null without one."
  type        = object({ arn = string })
  default     = null
}

variable "runbooks_url" {
  description = "Folder of the runbooks, without a slash at the end, e.g. https://github.com/OWNER/contact-manager/blob/main/docs/RUNBOOKS."
  type        = string
  default     = "docs/RUNBOOKS"
  nullable    = false

  validation {
    condition     = !endswith(var.runbooks_url, "/")
    error_message = "runbooks_url must not end with a slash."
  }
}

variable "dashboard_url" {
  description = "The dashboard that emails link to; null for none."
  type        = string
  default     = null
}

variable "pace" {
  description = "Divides every duration of rules and notifications. Tests run faster than life; everything else leaves it at 1."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2, 3, 5, 6, 10, 15], var.pace)
    error_message = "pace must be 1, 2, 3, 5, 6, 10 or 15, so that whole seconds are left."
  }
}
