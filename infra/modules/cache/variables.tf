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

variable "vpc_id" {
  description = "The VPC."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Private subnets, one per availability zone."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 1
    error_message = "subnet_ids is empty; pass the output data_subnet_ids of the module network."
  }
}

variable "client_security_group_ids" {
  description = "Who may connect: a name → a security group. Names are free, and known before the groups are made."
  type        = map(string)
  nullable    = false
}

variable "node_type" {
  description = "The nodes' type."
  type        = string
  default     = "cache.t4g.micro"
  nullable    = false

  validation {
    condition     = startswith(var.node_type, "cache.")
    error_message = "node_type is no type of ElastiCache; they begin with \"cache.\", as cache.t4g.micro."
  }
}

variable "nodes" {
  description = "Number of nodes: one that serves, and the others ready to take over in other zones."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.nodes >= 1 && var.nodes <= 6 && floor(var.nodes) == var.nodes
    error_message = "nodes is not a number of nodes that a shard can have; use 1 to 6."
  }

  validation {
    condition     = var.nodes == 1 || length(var.subnet_ids) > 1
    error_message = "nodes is above 1 while subnet_ids is a single subnet; pass subnets of two zones, or use one node."
  }
}

variable "engine_version" {
  description = "Version of Valkey."
  type        = string
  default     = "8.0"
  nullable    = false

  validation {
    condition     = can(regex("^8\\.[0-9]+$", var.engine_version))
    error_message = "engine_version is not of the line 8, whose parameters are used here; write it as in \"8.0\"."
  }
}
