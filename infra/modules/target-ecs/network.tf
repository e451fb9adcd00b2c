# The load balancer reaches the ports of services, tasks reach HTTPS, and nothing else is open.

locals {
  ports = toset([for service in var.services : tostring(service.load_balancer.port) if service.load_balancer != null])
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "Tasks of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-tasks" }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = local.ports

  security_group_id            = aws_security_group.tasks.id
  referenced_security_group_id = var.alb_security_group_id
  description                  = "Requests from the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "from_load_balancer" {
  for_each = local.ports

  security_group_id            = var.alb_security_group_id
  referenced_security_group_id = aws_security_group.tasks.id
  description                  = "Requests to ${var.name}"
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

# AWS's services, the registries of images, and an OpenID provider have names and no fixed addresses.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.tasks.id
  description       = "HTTPS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}
