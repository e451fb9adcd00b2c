variable "name" {
  type        = string
  description = "Prefix of every resource name, e.g. contact-manager-dev."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 28 lower-case letters, digits and hyphens, beginning with a letter, e.g. contact-manager-dev."
  }
}

variable "vpc_id" {
  type        = string
  description = "The VPC of the load balancer and its targets."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Public subnets, one per zone."

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name subnets of at least two zones: a load balancer needs them."
  }
}

variable "services" {
  type = map(object({
    path_patterns  = list(string)
    priority       = number
    port           = optional(number, 8080)
    health_path    = optional(string, "/health")
    lambda_timeout = optional(number, 30)
  }))
  description = "What the load balancer serves: the paths of each service, where its rules begin, its port in a container, and its function's timeout in seconds."

  validation {
    condition     = length(var.services) > 0 && alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,15}$", name))])
    error_message = "services must hold at least one service, named by up to 16 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for service in var.services : length(service.path_patterns) >= 1 && length(service.path_patterns) <= 20])
    error_message = "path_patterns must hold 1 to 20 patterns: more need more rules than lie between two priorities."
  }

  validation {
    condition     = alltrue(flatten([for service in var.services : [for pattern in service.path_patterns : can(regex("^/[A-Za-z0-9_.$/~\"'@:+*?-]{0,126}$", pattern)) && length(regexall("[*?]", pattern)) <= 1]]))
    error_message = "path_patterns must begin with / and hold at most one wildcard (* or ?) each: a rule may have five of them."
  }

  validation {
    condition     = alltrue([for service in var.services : service.priority >= 100 && service.priority <= 49900 && service.priority % 100 == 0]) && length(distinct(values(var.services)[*].priority)) == length(var.services)
    error_message = "priority must be a multiple of 100 from 100 to 49900, another one for each service: the hundred after it are the service's rules."
  }

  validation {
    condition     = alltrue([for service in var.services : service.port >= 1 && service.port <= 65535])
    error_message = "port must be from 1 to 65535."
  }

  validation {
    condition     = alltrue([for service in var.services : service.lambda_timeout >= 1 && service.lambda_timeout < 300])
    error_message = "lambda_timeout must be from 1 to 299 seconds: health checks are further apart than it, and at most 300 s."
  }
}

variable "weights" {
  type = object({
    lambda  = number
    fargate = number
    ec2     = number
  })
  description = "Share of the traffic of each target, in per cent."

  validation {
    condition     = alltrue([for weight in values(var.weights) : weight >= 0 && floor(weight) == weight]) && sum(values(var.weights)) == 100
    error_message = "weights must be whole numbers that add up to 100."
  }
}

variable "domain" {
  type = object({
    name            = string
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })
  default     = null
  description = "The name that clients use; null for HTTP alone. With zone_id its address and certificate are made in that Route 53 zone; without, certificate_arn names a certificate, and the address is yours to make."

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "domain.name must be a host name in lower case, e.g. contacts.example.com."
  }

  validation {
    condition     = var.domain == null || try(var.domain.zone_id, null) != null || try(var.domain.certificate_arn, null) != null
    error_message = "domain needs zone_id, to make a certificate, or certificate_arn, to use one."
  }
}

variable "ingress_cidrs" {
  type        = list(string)
  default     = ["0.0.0.0/0"]
  description = "Who may connect."
  nullable    = false

  validation {
    condition     = length(var.ingress_cidrs) > 0 && alltrue([for range in var.ingress_cidrs : can(cidrhost(range, 0)) && !strcontains(range, ":")])
    error_message = "ingress_cidrs must hold at least one IPv4 range, e.g. 203.0.113.0/24."
  }
}

variable "waf" {
  type = object({
    managed_rules       = optional(string, "count")
    rate_per_5_minutes  = optional(number, 15000)
    unlimited_addresses = optional(list(string), [])
  })
  default     = null
  description = "Web application firewall; null for none. managed_rules: count to observe AWS's rules, block once their matches are understood. unlimited_addresses: ranges without a rate."

  validation {
    condition     = var.waf == null || contains(["count", "block"], try(var.waf.managed_rules, ""))
    error_message = "waf.managed_rules must be count or block."
  }

  validation {
    condition     = var.waf == null || try(var.waf.rate_per_5_minutes >= 10 && var.waf.rate_per_5_minutes <= 2000000000, false)
    error_message = "waf.rate_per_5_minutes must be from 10 to 2000000000, which are AWS's limits."
  }

  validation {
    condition     = var.waf == null || alltrue([for range in try(var.waf.unlimited_addresses, []) : can(cidrhost(range, 0)) && !strcontains(range, ":")])
    error_message = "waf.unlimited_addresses must hold IPv4 ranges, e.g. 203.0.113.0/24."
  }
}

variable "access_logs" {
  type        = bool
  default     = true
  description = "Whether every request is logged to a bucket, for 14 days."
  nullable    = false
}

variable "deletion_protection" {
  type        = bool
  default     = false
  description = "Whether the load balancer refuses to be deleted, and its bucket of logs unless it is empty."
  nullable    = false
}

variable "key_arn" {
  type        = string
  default     = null
  description = "ARN of the KMS key that encrypts the firewall's log; null for the service's own encryption."

  validation {
    condition     = var.key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.key_arn))
    error_message = "key_arn must be the ARN of a KMS key, or null."
  }
}
