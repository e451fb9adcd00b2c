# Every service has three target groups, one per target, and they always exist: a switch only moves
# weights. Rules are cut to what AWS takes, five values each.

locals {
  targets = ["lambda", "fargate", "ec2"]

  target_groups = merge([for service in keys(var.services) : {
    for target in local.targets : "${service}/${target}" => { service = service, target = target }
  }]...)

  weighted_rules = merge([for name, service in var.services : {
    for index, patterns in chunklist(service.path_patterns, 5) : "${name}/${index}" => {
      service  = name
      patterns = patterns
      priority = service.priority + 50 + index
    }
  }]...)

  # The header is the fifth value. These come first, or the weighted rules would take their requests.
  smoke_rules = merge(flatten([for name, service in var.services : [
    for position, target in local.targets : {
      for index, patterns in chunklist(service.path_patterns, 4) : "${name}/${target}/${index}" => {
        group    = "${name}/${target}"
        target   = target
        patterns = patterns
        priority = service.priority + 10 * position + index
      }
    }
  ]])...)

  smoke_header = "x-contacts-target"
  smoke_values = { for target in local.targets : target => "${terraform_data.smoke.id}-${target}" }
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; from there requests stay in the VPC, between two security groups
  for_each = local.target_groups

  # A prefix, so that a group in use can be replaced before it is deleted.
  name_prefix = "${substr(each.value.target, 0, 5)}-"
  target_type = each.value.target == "lambda" ? "lambda" : "ip"
  vpc_id      = each.value.target == "lambda" ? null : var.vpc_id
  port        = each.value.target == "lambda" ? null : var.services[each.value.service].port
  protocol    = each.value.target == "lambda" ? null : "HTTP"

  # Repeated headers and query keys arrive as they were sent.
  lambda_multi_value_headers_enabled = each.value.target == "lambda" ? true : null
  deregistration_delay               = each.value.target == "lambda" ? null : 30

  # /health touches nothing: with /ready one hiccup of the database would take every task out.
  health_check {
    path    = var.services[each.value.service].health_path
    matcher = "200"
    # Of a function each check is an invocation, and must be over before the next.
    interval            = each.value.target == "lambda" ? max(60, var.services[each.value.service].lambda_timeout + 1) : 30
    timeout             = each.value.target == "lambda" ? max(2, min(30, var.services[each.value.service].lambda_timeout)) : 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  tags = { Name = "${var.name}-${each.value.service}-${each.value.target}" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_rule" "weighted" {
  for_each = local.weighted_rules

  listener_arn = aws_lb_listener.main.arn
  priority     = each.value.priority

  condition {
    path_pattern {
      values = each.value.patterns
    }
  }

  action {
    type = "forward"

    # No stickiness: a sticky client would keep meeting a group that has been emptied.
    forward {
      dynamic "target_group" {
        for_each = local.targets

        content {
          arn    = aws_lb_target_group.this["${each.value.service}/${target_group.value}"].arn
          weight = var.weights[target_group.value]
        }
      }
    }
  }

  tags = { Name = "${var.name}-${replace(each.key, "/", "-")}" }
}

# The random part of the smoke tests' header. It keeps the curious from choosing their target; it opens
# nothing, because every target asks for the same tokens.
resource "terraform_data" "smoke" {}

resource "aws_lb_listener_rule" "smoke" {
  for_each = local.smoke_rules

  listener_arn = aws_lb_listener.main.arn
  priority     = each.value.priority

  condition {
    http_header {
      http_header_name = local.smoke_header
      values           = [local.smoke_values[each.value.target]]
    }
  }

  condition {
    path_pattern {
      values = each.value.patterns
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value.group].arn
  }

  tags = { Name = "${var.name}-smoke-${replace(each.key, "/", "-")}" }
}

# First of all, whatever patterns a service has: metrics are for the collector beside each task.
resource "aws_lb_listener_rule" "metrics" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 1

  condition {
    path_pattern {
      values = ["/metrics", "/metrics/*"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "application/json"
      message_body = local.not_found
    }
  }

  tags = { Name = "${var.name}-metrics" }
}
