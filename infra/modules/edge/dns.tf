locals {
  zone_id           = try(var.domain.zone_id, null)
  makes_names       = local.zone_id != null
  makes_certificate = local.makes_names && try(var.domain.certificate_arn, null) == null
  certificate_arn   = local.makes_certificate ? one(aws_acm_certificate_validation.this[*].certificate_arn) : try(var.domain.certificate_arn, null)
}

resource "aws_acm_certificate" "this" {
  count = local.makes_certificate ? 1 : 0

  domain_name       = var.domain.name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  count = length(aws_acm_certificate.this)

  zone_id = local.zone_id
  name    = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_name
  type    = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_type
  records = [one(aws_acm_certificate.this[0].domain_validation_options).resource_record_value]
  ttl     = 300

  # Environments of one name share the record that proves it.
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = length(aws_acm_certificate.this)

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = aws_route53_record.validation[*].fqdn
}

resource "aws_route53_record" "address" {
  count = local.makes_names ? 1 : 0

  zone_id = local.zone_id
  name    = var.domain.name
  type    = "A"

  alias {
    name    = aws_lb.this.dns_name
    zone_id = aws_lb.this.zone_id
    # A load balancer with an empty target group counts as unhealthy, and two of ours are always empty.
    evaluate_target_health = false
  }
}
