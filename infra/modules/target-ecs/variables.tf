variable "name" {
  type        = string
  description = "Name of the cluster and prefix of every resource name, e.g. contact-manager-dev-fargate."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and hyphens, beginning with a letter, e.g. contact-manager-dev-fargate."
  }
}

variable "services" {
  type = map(object({
    image                    = string
    registry_credentials_arn = optional(string)
    command                  = list(string)
    health_command           = list(string)
    cpu                      = optional(number, 256)
    memory                   = optional(number, 512)
    environment              = optional(map(string), {})
    secrets                  = optional(map(string), {})
    policy_json              = string
    load_balancer = optional(object({
      port             = number
      target_group_arn = string
      alb_arn          = string
    }))
    scaling = optional(object({
      min                 = optional(number, 2)
      max                 = optional(number, 4)
      cpu                 = optional(number)
      memory              = optional(number)
      requests_per_minute = optional(number)
      backlog = optional(object({
        queue_name = string
        per_task   = optional(number, 100)
      }))
    }), {})
  }))
  description = "What runs: image by digest, and the secret with user name and password of its registry, if that asks for them and is not ECR; cpu in 1/1024 of a processor and memory in MB of the whole task, secrets as name to valueFrom, how many tasks there may be, beginning with min, and what they are scaled by: cpu and memory in per cent, requests per minute, messages in a queue."

  validation {
    condition     = length(var.services) > 0 && alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,15}$", name))])
    error_message = "services must hold at least one service, named by up to 16 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for service in var.services : can(regex("@sha256:[0-9a-f]{64}$", service.image))])
    error_message = "image must name a digest, e.g. REPOSITORY@sha256:…: a tag can mean another image tomorrow."
  }

  validation {
    condition     = alltrue([for service in var.services : length(setintersection(keys(service.environment), keys(service.secrets))) == 0])
    error_message = "environment and secrets must not name the same variable: ECS refuses it. Take it from one of them; a setting that Terraform makes, such as CONTACTS_CACHE_URL of its own cache, belongs in no vault."
  }

  validation {
    condition     = alltrue([for service in var.services : length(service.command) > 0 && length(service.health_command) > 0])
    error_message = "command and health_command must not be empty: the image holds several programs."
  }

  validation {
    condition = var.capacity.kind != "fargate" || alltrue([for service in var.services : contains(lookup({
      "256"  = [512, 1024, 2048]
      "512"  = [1024, 2048, 3072, 4096]
      "1024" = range(2048, 8193, 1024)
      "2048" = range(4096, 16385, 1024)
      "4096" = range(8192, 30721, 1024)
    }, tostring(service.cpu), []), service.memory)])
    error_message = "Fargate has no such size: cpu 256 goes with memory 512, 1024 or 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384; 4096 with 8192 to 30720 (in steps of 1024)."
  }

  validation {
    condition     = alltrue([for service in var.services : service.memory >= var.sidecar.memory + 128 && service.cpu >= var.sidecar.cpu + 64])
    error_message = "memory and cpu of a task must leave at least 128 MB and 64 units beside the collector."
  }

  validation {
    condition     = alltrue([for service in var.services : service.scaling.min >= 1 && service.scaling.max >= service.scaling.min])
    error_message = "scaling.min must be at least 1, and scaling.max not below it."
  }

  validation {
    condition     = alltrue([for service in var.services : service.scaling.requests_per_minute == null || service.load_balancer != null])
    error_message = "scaling.requests_per_minute needs load_balancer: who counts the requests otherwise?"
  }

  validation {
    condition     = alltrue(flatten([for service in var.services : [for value in compact([service.scaling.cpu, service.scaling.memory]) : value >= 10 && value <= 90]]))
    error_message = "scaling.cpu and scaling.memory must be from 10 to 90 per cent."
  }
}

variable "sidecar" {
  type = object({
    image                = optional(string, "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0")
    config_parameter_arn = string
    config_hash          = string
    policy_json          = string
    cpu                  = optional(number, 64)
    memory               = optional(number, 192)
  })
  description = "The collector beside each service: its image by version, the SSM parameter of its configuration and that one's hash, what its role allows, and what it may use of the task."

  validation {
    condition     = can(regex("(:v?[0-9]+\\.[0-9]+\\.[0-9]+|@sha256:[0-9a-f]{64})$", var.sidecar.image))
    error_message = "sidecar.image must name a version or a digest: with latest an upgrade has stopped tasks."
  }
}

variable "capacity" {
  type = object({
    kind                   = string
    spot_percent           = optional(number, 0)
    on_demand_base         = optional(number, 1)
    capacity_provider_name = optional(string)
  })
  description = "Where tasks run. kind fargate: on_demand_base tasks of each service on demand, above them spot_percent on Spot. kind ec2: on the hosts of capacity_provider_name."

  validation {
    condition     = contains(["fargate", "ec2"], var.capacity.kind)
    error_message = "capacity.kind must be fargate or ec2."
  }

  validation {
    condition     = (var.capacity.kind == "ec2") == (var.capacity.capacity_provider_name != null)
    error_message = "capacity.capacity_provider_name goes with kind ec2, and with no other."
  }

  validation {
    condition     = var.capacity.spot_percent >= 0 && var.capacity.spot_percent <= 100 && var.capacity.on_demand_base >= 0
    error_message = "capacity.spot_percent must be from 0 to 100, and on_demand_base not negative."
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "Processors that the tasks run on: x86_64 or arm64."
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "vpc_id" {
  type        = string
  description = "The VPC of the tasks."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets of the tasks."

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name at least one private subnet: does the network have private = true?"
  }
}

variable "alb_security_group_id" {
  type        = string
  description = "The load balancer's security group, the only one that may reach the tasks."
}

variable "security_group_ids" {
  type        = list(string)
  default     = []
  description = "What else the tasks wear, e.g. the group of the cache's clients."
  nullable    = false
}

variable "log_groups" {
  type        = map(object({ name = string, arn = string }))
  description = "Where containers log to: for each service one of its name, and one of its name with -collector. They outlive the cluster, so that it can be read why its tasks failed."

  validation {
    condition     = length(setsubtract(flatten([for name in keys(var.services) : [name, "${name}-collector"]]), keys(var.log_groups))) == 0
    error_message = "log_groups must hold two groups for each service, e.g. api and api-collector."
  }
}

variable "container_insights" {
  type        = string
  default     = "enabled"
  description = "CloudWatch's metrics of the cluster: enabled, enhanced (per container, at a higher price) or disabled."
  nullable    = false

  validation {
    condition     = contains(["enabled", "enhanced", "disabled"], var.container_insights)
    error_message = "container_insights must be enabled, enhanced or disabled."
  }
}

variable "execute_command" {
  type        = bool
  default     = false
  description = "Whether commands can be run inside tasks (ECS Exec). Their root file system is then writable."
  nullable    = false
}

variable "key_arn" {
  type        = string
  default     = null
  description = "ARN of the KMS key that encrypts logs and secrets; null for the services' own encryption."

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
