variable "name" {
  type        = string
  description = "Prefix of every resource name, e.g. contact-manager-dev-ec2."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name)) && !can(regex("^(aws|ecs|fargate)", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and hyphens, beginning with a letter but not with aws, ecs or fargate, which capacity providers must not."
  }
}

variable "cluster_name" {
  type        = string
  description = "The cluster that hosts join."
}

variable "vpc_id" {
  type        = string
  description = "The VPC of the hosts."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets of the hosts."

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name at least one private subnet: does the network have private = true?"
  }
}

variable "tasks" {
  type        = number
  description = "How many tasks may run at most outside a deployment. Hosts are for twice as many: a deployment starts new ones first."

  validation {
    condition     = var.tasks >= 1 && floor(var.tasks) == var.tasks
    error_message = "tasks must be a whole number from 1."
  }
}

variable "first_tasks" {
  type        = number
  default     = 0
  description = "How many tasks the group is made with hosts for. From then on the capacity provider decides."
  nullable    = false

  validation {
    condition     = var.first_tasks >= 0 && floor(var.first_tasks) == var.first_tasks
    error_message = "first_tasks must be a whole number from 0."
  }
}

variable "tasks_per_host" {
  type        = number
  default     = 2
  description = "How many tasks a host holds. Each has a network interface of its own: t2.medium and t3.medium have three, one of which is the host's."
  nullable    = false

  validation {
    condition     = var.tasks_per_host >= 1 && floor(var.tasks_per_host) == var.tasks_per_host
    error_message = "tasks_per_host must be a whole number from 1: the network interfaces of the smallest type, less one."
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "Processors of the hosts: x86_64 or arm64."
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "instance_types" {
  type        = list(string)
  default     = null
  description = "Types of hosts, several of the same size: the more there are, the rarer all of them run out on Spot. Null for t3.medium, t3a.medium and t2.medium, or t4g.medium, c6g.large and c7g.large on arm64."

  validation {
    condition     = var.instance_types == null || try(length(var.instance_types) > 0 && alltrue([for type in var.instance_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))]), false)
    error_message = "instance_types must hold at least one type, e.g. t3.medium, or be null."
  }

  # AWS marks its own processors, which are the ARM ones, by a g right after the generation; the first of them was a1.
  validation {
    condition     = alltrue([for type in coalesce(var.instance_types, []) : can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)\\.", type)) == (var.architecture == "arm64")])
    error_message = "instance_types must have the processors of architecture (${var.architecture}): for arm64 the name has a g after the generation, e.g. t4g.medium, and for x86_64 it has none, e.g. t3.medium."
  }
}

variable "max_instance_lifetime_days" {
  type        = number
  default     = 14
  description = "After how many days at most a host is replaced, and so comes to the newest machine image. AWS brings one about every week; with two weeks hosts are never far behind, and tasks move seldom."
  nullable    = false

  validation {
    condition     = var.max_instance_lifetime_days >= 1 && var.max_instance_lifetime_days <= 365 && floor(var.max_instance_lifetime_days) == var.max_instance_lifetime_days
    error_message = "max_instance_lifetime_days must be a whole number from 1 to 365, which are EC2's limits."
  }
}

variable "on_demand_base" {
  type        = number
  default     = 1
  description = "Hosts on demand before there is any on Spot."
  nullable    = false

  validation {
    condition     = var.on_demand_base >= 0 && floor(var.on_demand_base) == var.on_demand_base
    error_message = "on_demand_base must be a whole number from 0."
  }
}

variable "spot_percent" {
  type        = number
  default     = 80
  description = "Share of Spot among the hosts above the base."
  nullable    = false

  validation {
    condition     = var.spot_percent >= 0 && var.spot_percent <= 100
    error_message = "spot_percent must be from 0 to 100."
  }
}

variable "volume_gb" {
  type        = number
  default     = 30
  description = "Size of a host's volume."
  nullable    = false

  validation {
    condition     = var.volume_gb >= 30
    error_message = "volume_gb must be at least 30: the machine image has that size."
  }
}

variable "spot_log_group_arn" {
  type        = string
  description = "The log group of what Spot announces. Its name must begin with /aws/events/, by which EventBridge may write."

  validation {
    condition     = can(regex("^arn:[a-z-]+:logs:[a-z0-9-]+:[0-9]{12}:log-group:/aws/events/", var.spot_log_group_arn))
    error_message = "spot_log_group_arn must be the ARN of a log group below /aws/events/."
  }
}

variable "session_manager" {
  type        = bool
  default     = false
  description = "Whether hosts can be logged in to through Session Manager. There is no SSH."
  nullable    = false
}

variable "ingress" {
  type = map(object({
    port = number
    cidr = string
  }))
  default     = {}
  description = "Who else may reach the hosts, by purpose, e.g. { node-exporter = { port = 9100, cidr = \"10.1.0.0/16\" } }. Tasks have addresses of their own and need nothing of it."
  nullable    = false

  validation {
    condition     = alltrue([for rule in var.ingress : can(cidrhost(rule.cidr, 0)) && !strcontains(rule.cidr, ":") && !endswith(rule.cidr, "/0")])
    error_message = "ingress.cidr must be an IPv4 range of somebody, never of everybody (0.0.0.0/0)."
  }

  validation {
    condition     = alltrue([for rule in var.ingress : rule.port >= 1 && rule.port <= 65535 && rule.port != 22])
    error_message = "ingress.port must be from 1 to 65535 and not 22: set session_manager to log in."
  }
}

variable "key_arn" {
  type        = string
  default     = null
  description = "ARN of the KMS key that encrypts volumes; null for the services' own encryption."

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
