variable "name" {
  description = "Prefix of every resource name, such as \"contact-manager-dev\"."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 28
    error_message = "name does not fit into every name that AWS allows: use 3 to 28 lower-case letters, digits and single hyphens between them, beginning with a letter."
  }
}

variable "api_domain_name" {
  description = "The API's own domain, for which its load balancer has a certificate."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9.-]+$", var.api_domain_name))
    error_message = "api_domain_name is a name without protocol, port and path, such as \"api.example.com\"."
  }
}

variable "origin_header" {
  description = "The header that shows the firewall and the service that a request came through here: the output site_header of the module edge."
  type = object({
    name  = string
    value = string
  })
  nullable  = false
  sensitive = true
}

variable "viewer_header" {
  description = "The header in which the firewall and the service look for the client's address: the output viewer_header of the module edge."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^x-[a-z0-9-]+$", var.viewer_header))
    error_message = "viewer_header is not a header of one's own in lower case, such as \"x-contacts-viewer\"."
  }
}

variable "domain" {
  description = "The site's own name, its certificate in us-east-1, where CloudFront looks for it, and the Route 53 zone for its records, if they are to be made. There is no site without: under a name of CloudFront's own it would take tokens by TLS 1.0 too."
  type = object({
    name            = string
    certificate_arn = string
    zone_id         = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain.name))
    error_message = "domain.name is not a domain name; write it as in \"contacts.example.com\"."
  }

  validation {
    condition     = can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/", var.domain.certificate_arn))
    error_message = "domain.certificate_arn is not a certificate that CloudFront can use: it takes those of ACM in us-east-1 only."
  }
}

variable "price_class" {
  description = "Which of CloudFront's locations serve: PriceClass_100 (North America and Europe), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"
  nullable    = false

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class is unknown to CloudFront; use PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "force_destroy" {
  description = "Whether a destroy also deletes the files. For environments that come and go."
  type        = bool
  default     = false
  nullable    = false
}
