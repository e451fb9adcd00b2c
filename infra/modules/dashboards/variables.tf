variable "name" {
  description = "Prefix of every resource name, such as \"contact-manager-dev\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 28
    error_message = "name does not fit into every name that AWS allows: use 3 to 28 lower-case letters, digits and single hyphens between them, beginning with a letter."
  }
}

variable "sides" {
  description = "The sides that exist: lambda, fargate, ec2."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.sides) > 0 && alltrue([for side in var.sides : contains(["lambda", "fargate", "ec2"], side)])
    error_message = "sides must be of lambda, fargate and ec2, at least one."
  }
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

variable "table_name" {
  description = "Name of the table."
  type        = string
  nullable    = false
}

variable "queues" {
  description = "Names of the queue of jobs and of its dead-letter queue."
  type        = object({ jobs = string, dead_letters = string })
  nullable    = false
}

variable "alerts_topic" {
  description = "Name of the topic that alerts go to."
  type        = string
  nullable    = false
}

variable "alarms" {
  description = "ARNs of the alarms to show above the panels."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = length(var.alarms) <= 100
    error_message = "alarms must be 100 at most: a widget shows no more."
  }
}

variable "log_groups" {
  description = "Names of the log groups of API and worker, on every target: where the saved queries look."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.log_groups) >= 1 && length(var.log_groups) <= 50
    error_message = "log_groups must be from 1 to 50: a query of CloudWatch Logs Insights reads no more."
  }
}
