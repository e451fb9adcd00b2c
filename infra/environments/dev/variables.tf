variable "region" {
  type        = string
  description = "The AWS region."
}

variable "target" {
  type        = string
  default     = "lambda"
  description = "Where the service is wanted: lambda, fargate or ec2. Once it runs, make switch moves it."

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
  description = "Files of the functions. make deploy passes them."
}

variable "image" {
  type        = string
  default     = null
  description = "Image of the containers, by digest. make deploy passes it."
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "What zips and image were built for: x86_64 or arm64."
}

variable "domain" {
  type = object({
    name            = string
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })
  default     = null
  description = "The name that clients use, and its Route 53 zone or its certificate; null for HTTP alone."
}

variable "settings" {
  type = object({
    log_level    = optional(string)
    rate_limit   = optional(number)
    changes_days = optional(number)
    cors_origins = optional(list(string))
    oidc = optional(object({
      issuer   = string
      audience = string
    }))
  })
  default     = {}
  description = "Settings of the programs."
}

variable "budget" {
  type = object({
    monthly_usd = number
    email       = string
  })
  default     = null
  description = "Who is told when a month becomes dearer than this; null for nobody."
}

variable "permissions_boundary" {
  type        = string
  default     = null
  description = "What bounds every role, where workflows apply: from bootstrap's output permissions_boundary_arns. Null for nothing."
}
