variable "region" {
  type        = string
  description = "The AWS region."
}

variable "target" {
  type        = string
  default     = "fargate"
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

variable "registry" {
  type = object({
    repository      = string
    credentials_arn = optional(string)
  })
  default     = null
  description = "Where the image comes from, if not from ECR, e.g. { repository = \"docker.io/OWNER/contact-manager\" }, and the ARN of a secret with user name and password, if it is private. See infra/modules/registry/README.md."
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "What zips and image were built for: x86_64 or arm64."
}

variable "instance_types" {
  type        = list(string)
  default     = null
  description = "Types of the hosts of ec2, several of one size, with processors of the architecture; null for t3.medium or t4g.medium and its like."
}

variable "domain" {
  type = object({
    name            = string
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })
  default     = null
  description = "The name that clients use, and its Route 53 zone or its certificate."

  validation {
    condition     = var.domain != null
    error_message = "prod is served by HTTPS alone: set domain in terraform.tfvars, e.g. { name = \"contacts.example.com\", zone_id = \"Z0123456789ABC\" }. To try things out without a domain there is dev."
  }
}

variable "site_domain" {
  type = object({
    name            = string
    certificate_arn = string
    zone_id         = optional(string)
  })
  default     = null
  description = "The web app's own name, its certificate in us-east-1, and its Route 53 zone; null for no web app: under a name of CloudFront's own it would take tokens by TLS 1.0 too."
}

variable "settings" {
  type = object({
    log_level    = optional(string)
    rate_limit   = optional(number)
    changes_days = optional(number)
    history_days = optional(number)
    cors_origins = optional(list(string))
    oidc = optional(object({
      issuer   = string
      audience = string
    }))
  })
  default     = {}
  description = "Settings of the programs."
}

variable "vaults" {
  type        = map(list(string))
  default     = {}
  description = "Settings that are secrets, by service, for containers alone. None is needed; a cache outside of AWS, say, has a password: { api = [\"CONTACTS_CACHE_URL\"], worker = [\"CONTACTS_CACHE_URL\"] }. See infra/modules/secrets/README.md."
}

variable "rotation" {
  type = object({
    lambda_arn = string
    role_arn   = string
    days       = optional(number)
  })
  default     = null
  description = "The function that rotates what is in the vaults, its role, and every how many days; null for none."
}

variable "alerts" {
  type = object({
    emails       = optional(list(string))
    runbooks_url = optional(string)
    pace         = optional(number)
  })
  default     = {}
  description = "Who is told when something is wrong; AWS asks each address to confirm first. runbooks_url is the folder that emails link to. pace makes durations shorter, for tests alone."
}

variable "tracing" {
  type = object({
    sample    = optional(number)
    layer_arn = optional(string)
  })
  default     = null
  description = "Traces to X-Ray: the share of requests that are traced, 0.05 if it is left out, and the ARN of the layer with the collector, which functions need; null for none. See docs/OBSERVABILITY.md."
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
