variable "name" {
  type        = string
  default     = "contact-manager"
  description = "Name of the product; with the environment the prefix of every resource name."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 16 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "environment" {
  type        = string
  description = "Name of the environment, e.g. dev."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,10}$", var.environment))
    error_message = "environment must be 2 to 11 lower-case letters and digits, beginning with a letter, e.g. dev."
  }
}

variable "target" {
  type        = string
  description = "Where the service is wanted: lambda, fargate or ec2. The first apply puts it there; from then on make switch moves it."

  validation {
    condition     = contains(["lambda", "fargate", "ec2"], var.target)
    error_message = "target must be lambda, fargate or ec2."
  }
}

variable "zips" {
  type = object({
    api    = string
    worker = string
  })
  default     = null
  description = "Files of the functions, as made by make package. Needed while lambda is live or on standby."
}

variable "image" {
  type        = string
  default     = null
  description = "Image of the containers, by digest. Needed while fargate or ec2 is live or on standby."

  validation {
    condition     = var.image == null || can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must name a digest, e.g. REPOSITORY@sha256:…: a tag can mean another image tomorrow."
  }

  validation {
    condition     = var.image == null || var.registry == null || try(startswith(var.image, "${var.registry.repository}@"), false)
    error_message = "image must be of the repository that registry names: ${try(var.registry.repository, "")}@sha256:…"
  }
}

variable "registry" {
  type = object({
    repository      = string
    credentials_arn = optional(string)
  })
  default     = null
  description = "Another repository of the image than one of ECR, e.g. { repository = \"docker.io/OWNER/contact-manager\" }; and where that is private, the ARN of a secret { \"username\": …, \"password\": … }, by which ECS pulls it. Null for ECR."

  validation {
    condition     = var.registry == null || try(can(regex("^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$", var.registry.repository)), false)
    error_message = "registry.repository must be HOST/PATH without tag and digest, e.g. docker.io/OWNER/contact-manager."
  }

  # The boundary of roles allows no other.
  validation {
    condition     = try(var.registry.credentials_arn, null) == null || can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:${var.name}-${var.environment}/", var.registry.credentials_arn))
    error_message = "registry.credentials_arn must be the ARN of a secret whose name begins with ${var.name}-${var.environment}/, e.g. ${var.name}-${var.environment}/registry: roles are bounded to the environment's own secrets."
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "What zips and image were built for, on every target: x86_64 or arm64."
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "domain" {
  type = object({
    name            = string
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })
  default     = null
  description = "The name that clients use, as in the module edge; null for HTTP alone."
}

variable "deletion_protection" {
  type        = bool
  default     = false
  description = "Whether table and load balancer refuse to be deleted, and buckets unless they are empty."
  nullable    = false
}

variable "settings" {
  type = object({
    log_level    = optional(string, "info")
    rate_limit   = optional(number)
    changes_days = optional(number)
    history_days = optional(number)
    cors_origins = optional(list(string), [])
    oidc = optional(object({
      issuer   = string
      audience = string
    }))
  })
  default     = {}
  description = "Settings of the programs (README.md, \"Settings\"); null leaves the program's default."
  nullable    = false

  validation {
    condition     = try(var.settings.rate_limit >= 0 && var.settings.rate_limit <= 10000, var.settings.rate_limit == null)
    error_message = "settings.rate_limit must be from 1 to 10000 requests per second, or 0 for no limit."
  }

  validation {
    condition     = try(var.settings.changes_days >= 1 && var.settings.changes_days <= 3650, var.settings.changes_days == null)
    error_message = "settings.changes_days must be from 1 to 3650."
  }

  validation {
    condition     = try(var.settings.history_days >= 7 && var.settings.history_days <= 3650, var.settings.history_days == null)
    error_message = "settings.history_days must be from 7 to 3650."
  }

  validation {
    condition     = try(can(regex("^https://[^?#]+$", var.settings.oidc.issuer)) && var.settings.oidc.audience != "", var.settings.oidc == null)
    error_message = "settings.oidc must have an https issuer without query or fragment, and an audience."
  }

  validation {
    condition     = alltrue([for origin in var.settings.cors_origins : can(regex("^https?://[^/]+$", origin))])
    error_message = "settings.cors_origins must be origins such as https://example.com, without a path."
  }
}

variable "network" {
  type = object({
    cidr                = optional(string)
    az_count            = optional(number)
    exclude_zone_ids    = optional(list(string))
    nat                 = optional(string, "single")
    interface_endpoints = optional(map(object({ private_dns = optional(bool, true), policy_json = optional(string) })), {})
    flow_logs           = optional(bool, false)
  })
  default     = {}
  description = "As in the module network. NAT and endpoints exist only while somebody is in the private subnets."
  nullable    = false
}

variable "edge" {
  type = object({
    ingress_cidrs = optional(list(string))
    access_logs   = optional(bool, true)
    waf = optional(object({
      managed_rules       = optional(string, "count")
      rate_per_5_minutes  = optional(number, 15000)
      unlimited_addresses = optional(list(string), [])
    }))
  })
  default     = {}
  description = "As in the module edge."
  nullable    = false
}

variable "lambda" {
  type = object({
    api = optional(object({
      memory               = optional(number)
      timeout              = optional(number, 30)
      reserved_concurrency = optional(number)
      provisioned = optional(object({
        min         = number
        max         = number
        utilisation = optional(number)
        timezone    = optional(string)
        schedule    = optional(map(object({ cron = string, min = number, max = number })))
      }))
    }), {})
    worker = optional(object({
      memory               = optional(number)
      timeout              = optional(number, 60)
      reserved_concurrency = optional(number)
      max_concurrency      = optional(number)
      batch                = optional(number)
    }), {})
  })
  default     = {}
  description = "The functions, as in the module target-lambda."
  nullable    = false
}

variable "containers" {
  type = object({
    api = optional(object({
      cpu               = optional(number, 256)
      memory            = optional(number, 512)
      min               = optional(number, 2)
      max               = optional(number, 4)
      requests_per_task = optional(number, 1000)
    }), {})
    worker = optional(object({
      cpu    = optional(number, 256)
      memory = optional(number, 512)
      min    = optional(number, 1)
      max    = optional(number, 4)
    }), {})
    collector_image    = optional(string)
    container_insights = optional(string)
    execute_command    = optional(bool, false)
  })
  default     = {}
  description = "The tasks, on Fargate and on hosts alike, as in the module target-ecs. requests_per_task is how many requests of a minute one task is there for."
  nullable    = false

  validation {
    condition     = var.containers.api.requests_per_task >= 1
    error_message = "containers.api.requests_per_task must be at least 1 request per minute, e.g. 1000, which is 17 per second."
  }
}

variable "fargate" {
  type = object({
    spot_percent   = optional(number, 0)
    on_demand_base = optional(number, 1)
  })
  default     = {}
  description = "Share of Fargate Spot above the base of each service."
  nullable    = false
}

variable "ec2" {
  type = object({
    instance_types  = optional(list(string))
    tasks_per_host  = optional(number)
    on_demand_base  = optional(number)
    spot_percent    = optional(number)
    session_manager = optional(bool, false)

    max_instance_lifetime_days = optional(number)
  })
  default     = {}
  description = "The hosts, as in the module ec2-capacity; null leaves its default, which for instance_types goes by architecture."
  nullable    = false
}

variable "data" {
  type = object({
    table_name             = optional(string)
    point_in_time_recovery = optional(bool, true)
    max_read_units         = optional(number)
    max_write_units        = optional(number)
    replicas               = optional(list(string), [])
    replica_key_arns       = optional(map(string), {})
    backup = optional(object({
      schedule          = optional(string)
      cold_after_days   = optional(number)
      delete_after_days = optional(number)
    }))
  })
  default     = {}
  description = "The table and its backups, as in the module data."
  nullable    = false

  validation {
    condition     = var.data.table_name == null || try(startswith(var.data.table_name, "${var.name}-${var.environment}-"), false)
    error_message = "data.table_name must begin with ${var.name}-${var.environment}-, e.g. ${var.name}-${var.environment}-contacts-restored: roles are bounded to the environment's own tables."
  }
}

variable "cache" {
  type = object({
    node_type = optional(string)
    nodes     = optional(number, 2)
  })
  default     = null
  description = "The cache that all processes share; null for none. Functions are then attached to the VPC."
}

variable "vaults" {
  type        = map(list(string))
  default     = {}
  description = "Settings that are secrets, by service, e.g. { api = [\"CONTACTS_CACHE_URL\"] } for a cache elsewhere with a password, in place of cache. Each service gets a vault for them, which its containers alone read."
  nullable    = false

  validation {
    condition     = alltrue([for service, keys in var.vaults : contains(["api", "worker"], service) && length(keys) > 0])
    error_message = "vaults must name settings of api or worker."
  }
}

variable "rotation" {
  type = object({
    lambda_arn = string
    role_arn   = string
    days       = optional(number)
  })
  default     = null
  description = "The function that rotates what is in the vaults, its role, and every how many days; null for no rotation."

  validation {
    condition     = var.rotation == null || length(var.vaults) > 0
    error_message = "rotation needs vaults: what is there to rotate otherwise?"
  }
}

variable "site_domain" {
  type = object({
    name            = string
    certificate_arn = string
    zone_id         = optional(string)
  })
  default     = null
  description = "The web app's own name, its certificate in us-east-1, and the Route 53 zone of its records; null for no web app. Under a name of CloudFront's own there is none: that takes tokens by TLS 1.0 too."

  validation {
    condition     = var.site_domain == null || var.domain != null
    error_message = "site_domain needs domain: the web app passes tokens to the API, which has HTTPS under a domain alone."
  }
}

variable "alerts" {
  type = object({
    emails       = optional(list(string), [])
    runbooks_url = optional(string)
    pace         = optional(number)
  })
  default     = {}
  description = "Who is told when something is wrong, and where the runbooks are, as in the module alerts."
  nullable    = false
}

variable "tracing" {
  type = object({
    sample    = optional(number, 0.05)
    layer_arn = optional(string)
  })
  default     = null
  description = "Traces, by the collector of each side, to X-Ray: sample is the share of requests that are traced, layer_arn the layer with the collector of functions, as in the module target-lambda. Null for none. The account needs Transaction Search."

  validation {
    condition     = var.tracing == null || try(var.tracing.sample >= 0 && var.tracing.sample <= 1, false)
    error_message = "tracing.sample must be a share from 0 to 1, e.g. 0.05 for one of twenty requests."
  }

  validation {
    condition     = var.tracing == null || var.target != "lambda" || try(var.tracing.layer_arn != null, false)
    error_message = "tracing.layer_arn is missing: functions have no sidecar, and need the ARN of a layer with the collector (infra/modules/target-lambda/README.md)."
  }
}

variable "audit" {
  type = object({
    customer_managed_key = optional(bool, false)
    trail                = optional(bool, false)
    budget = optional(object({
      monthly_usd = number
      email       = string
    }))
  })
  default     = {}
  description = "A KMS key of one's own, CloudTrail and a budget, as in the module audit."
  nullable    = false
}

variable "permissions_boundary" {
  type        = string
  default     = null
  description = "ARN of the policy that bounds every role of the environment; null for none. Workflows may make no role without it."

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of a policy, e.g. from the output permissions_boundary_arns of bootstrap, or null."
  }
}
