# One load balancer in front of all targets. listeners.tf opens it, rules.tf says who answers what.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_150:deletion_protection decides; an environment to try things in has to go away
  #checkov:skip=CKV_AWS_91:access_logs decides
  #checkov:skip=CKV2_AWS_28:waf decides; it costs more than the rest of an idle environment
  #checkov:skip=CKV2_AWS_76:waf has the known bad inputs, among them Log4Shell, in a dynamic block that is not seen
  #checkov:skip=CKV2_AWS_20:with a domain port 80 redirects; without one there is no certificate to redirect to
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  subnets            = var.subnet_ids
  security_groups    = [aws_security_group.this.id]

  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = var.deletion_protection

  dynamic "access_logs" {
    for_each = aws_s3_bucket.logs

    content {
      enabled = true
      bucket  = access_logs.value.bucket
    }
  }

  # A load balancer tries to write to its bucket when it is told of it.
  depends_on = [aws_s3_bucket_policy.logs]
}

# Its way to the targets is opened by each target, by reference to this group.
resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:it is attached to the load balancer
  name        = "${var.name}-alb"
  description = "Clients to the load balancer"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-alb" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  #checkov:skip=CKV_AWS_260:port 80 redirects to 443; without a domain it is all there is, and encrypted says so
  for_each = { for pair in setproduct(var.ingress_cidrs, local.ports) : "${pair[0]}:${pair[1]}" => { cidr = pair[0], port = pair[1] } }

  security_group_id = aws_security_group.this.id
  description       = "Clients"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.cidr
}
