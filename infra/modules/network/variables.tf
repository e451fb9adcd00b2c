variable "name" {
  type        = string
  description = "Prefix of every resource name, e.g. contact-manager-dev."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 28 lower-case letters, digits and hyphens, beginning with a letter, e.g. contact-manager-dev."
  }
}

variable "cidr" {
  type        = string
  default     = "10.0.0.0/16"
  description = "Address range of the VPC."
  nullable    = false

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("/(1[6-9]|20)$", var.cidr))
    error_message = "cidr must be an IPv4 range from /16 to /20, e.g. 10.0.0.0/16: each subnet gets a sixteenth of it."
  }
}

variable "az_count" {
  type        = number
  default     = 2
  description = "Number of availability zones."
  nullable    = false

  validation {
    condition     = contains([2, 3], var.az_count)
    error_message = "az_count must be 2 or 3: a load balancer needs two zones, and the address plan has room for three."
  }
}

variable "exclude_zone_ids" {
  type        = list(string)
  default     = ["apne1-az3", "use1-az3", "usw1-az2"]
  description = "Zones that are left out, by their IDs, which mean the same place in every account. By default those without Fargate, and the one without t3 hosts."
  nullable    = false

  validation {
    condition     = alltrue([for id in var.exclude_zone_ids : can(regex("^[a-z]+[0-9]+-az[0-9]+$", id))])
    error_message = "exclude_zone_ids must hold IDs of zones, e.g. use1-az3, not names such as us-east-1e: those mean another place in each account."
  }
}

variable "private" {
  type        = bool
  default     = false
  description = "Whether there are private subnets with a way out, for tasks or for functions that use the cache."
  nullable    = false
}

variable "nat" {
  type        = string
  default     = "none"
  description = "NAT gateways of the private subnets: none, single (one for all zones) or per_az."
  nullable    = false

  validation {
    condition     = contains(["none", "single", "per_az"], var.nat)
    error_message = "nat must be none, single or per_az."
  }
}

variable "interface_endpoints" {
  type = map(object({
    private_dns = optional(bool, true)
    policy_json = optional(string)
  }))
  default     = {}
  description = "Interface endpoints of the private subnets, by the last part of the service's name, e.g. { sqs = {}, \"ecr.api\" = {} }."
  nullable    = false

  validation {
    condition     = alltrue([for service in keys(var.interface_endpoints) : can(regex("^[a-z][a-z0-9.-]*$", service)) && !startswith(service, "com.")])
    error_message = "interface_endpoints must be named by the last part of the service's name, e.g. sqs or ecr.api, not com.amazonaws.REGION.sqs."
  }

  validation {
    condition     = length(setintersection(keys(var.interface_endpoints), ["s3", "dynamodb"])) == 0
    error_message = "interface_endpoints must not name s3 or dynamodb: both have gateway endpoints, which cost nothing."
  }
}

variable "flow_logs" {
  type        = bool
  default     = false
  description = "Whether the VPC's traffic is logged."
  nullable    = false
}

variable "key_arn" {
  type        = string
  default     = null
  description = "ARN of the KMS key that encrypts the flow logs; null for the service's own encryption."

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
