variable "name" {
  type        = string
  description = "Prefix of every resource name, e.g. contact-manager-dev."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and hyphens, beginning with a letter, e.g. contact-manager-dev."
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "What the zips were built for: x86_64 or arm64."
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "api" {
  type = object({
    zip                  = string
    memory               = optional(number, 512)
    timeout              = optional(number, 30)
    environment          = map(string)
    policy_json          = string
    reserved_concurrency = optional(number, -1)
    provisioned = optional(object({
      min         = number
      max         = number
      utilisation = optional(number, 0.7)
      timezone    = optional(string, "Etc/UTC")
      schedule = optional(map(object({
        cron = string
        min  = number
        max  = number
      })), {})
    }))
  })
  description = "The function behind the load balancer. zip is a file; memory in MB, timeout in seconds; reserved_concurrency -1 for the account's; provisioned keeps that many environments warm, by load and by schedule."

  validation {
    condition     = can(filesha256(var.api.zip))
    error_message = "api.zip must be a file: make it with make package, and pass its path, e.g. dist/api-lambda.zip."
  }

  validation {
    condition     = var.api.memory >= 128 && var.api.memory <= 10240
    error_message = "api.memory must be from 128 to 10240 MB."
  }

  validation {
    condition     = var.api.timeout >= 1 && var.api.timeout <= 60
    error_message = "api.timeout must be from 1 to 60 seconds: the load balancer waits no longer."
  }

  validation {
    condition     = var.api.reserved_concurrency >= -1
    error_message = "api.reserved_concurrency must be -1 (the account's), or a number from 0; 0 stops the function."
  }

  validation {
    condition     = var.api.provisioned == null || try(var.api.provisioned.min >= 0 && var.api.provisioned.max >= max(1, var.api.provisioned.min), false)
    error_message = "api.provisioned.max must be at least 1, and not below min."
  }

  validation {
    condition     = var.api.provisioned == null || try(var.api.provisioned.utilisation >= 0.1 && var.api.provisioned.utilisation <= 0.9, false)
    error_message = "api.provisioned.utilisation must be from 0.1 to 0.9."
  }

  validation {
    condition     = alltrue([for entry in values(try(var.api.provisioned.schedule, {})) : startswith(entry.cron, "cron(") && entry.max >= entry.min])
    error_message = "api.provisioned.schedule must hold entries such as { cron = \"cron(0 7 ? * MON-FRI *)\", min = 2, max = 5 }."
  }
}

variable "worker" {
  type = object({
    zip                  = string
    memory               = optional(number, 512)
    timeout              = optional(number, 60)
    environment          = map(string)
    policy_json          = string
    reserved_concurrency = optional(number, -1)
    queue_arn            = string
    max_concurrency      = optional(number, 5)
    batch                = optional(number, 5)
  })
  description = "The function behind the queue: as api, and how many invocations there may be at once, of how many messages each. The queue's visibility timeout must exceed timeout."

  validation {
    condition     = can(filesha256(var.worker.zip))
    error_message = "worker.zip must be a file: make it with make package, and pass its path, e.g. dist/worker-lambda.zip."
  }

  validation {
    condition     = var.worker.memory >= 128 && var.worker.memory <= 10240
    error_message = "worker.memory must be from 128 to 10240 MB."
  }

  validation {
    condition     = var.worker.timeout >= 10 && var.worker.timeout <= 900
    error_message = "worker.timeout must be from 10 to 900 seconds."
  }

  validation {
    condition     = var.worker.reserved_concurrency == -1 || var.worker.reserved_concurrency >= var.worker.max_concurrency
    error_message = "worker.reserved_concurrency must be -1 (the account's) or at least max_concurrency: messages that meet no free function count as failed."
  }

  validation {
    condition     = var.worker.max_concurrency >= 2 && var.worker.max_concurrency <= 1000
    error_message = "worker.max_concurrency must be from 2 to 1000, which are AWS's limits."
  }

  validation {
    condition     = var.worker.batch >= 1 && var.worker.batch <= 10
    error_message = "worker.batch must be from 1 to 10 messages."
  }
}

variable "target_group_arn" {
  type        = string
  description = "The load balancer's target group of functions."
}

variable "log_groups" {
  type = object({
    api    = object({ name = string, arn = string })
    worker = object({ name = string, arn = string })
  })
  description = "Where the functions log to. They outlive the functions, so that it can be read why these went."
}

variable "vpc" {
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default     = null
  description = "Where the functions are attached to a VPC, which only the cache needs; null for nowhere."

  validation {
    condition     = var.vpc == null || length(try(var.vpc.subnet_ids, [])) > 0
    error_message = "vpc.subnet_ids must name at least one private subnet."
  }
}

variable "tracing" {
  type = object({
    layer_arn = string
  })
  default     = null
  description = "The layer with the collector that takes the functions' traces, by its version's ARN: AWS's distribution of OpenTelemetry, collector alone, for the architecture and the region; null for no traces. Whether a function traces, and how much, its environment says."

  validation {
    condition     = var.tracing == null || can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", var.tracing.layer_arn))
    error_message = "tracing.layer_arn must be the ARN of a layer's version, e.g. arn:aws:lambda:eu-central-1:901920570463:layer:aws-otel-collector-amd64-ver-0-117-0:1."
  }
}

variable "key_arn" {
  type        = string
  default     = null
  description = "ARN of the KMS key that encrypts variables; null for the services' own encryption."

  validation {
    condition     = var.key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.key_arn))
    error_message = "key_arn must be the ARN of a KMS key, or null."
  }
}

variable "permissions_boundary" {
  type        = string
  default     = null
  description = "ARN of the policy that bounds the roles made here; null for none."

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of a policy, e.g. from the output permissions_boundary_arns of bootstrap, or null."
  }
}
