mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1c", "eu-central-1a", "eu-central-1b"] }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name = "contact-manager-test"
}

run "without_private_subnets_there_is_nothing_that_costs" {
  command = plan

  variables {
    nat                 = "per_az"
    interface_endpoints = { sqs = {} }
  }

  assert {
    condition     = length(aws_nat_gateway.this) + length(aws_eip.nat) + length(aws_vpc_endpoint.interface) + length(aws_vpc_endpoint.gateway) == 0
    error_message = "NAT gateways and endpoints must wait for private subnets."
  }

  assert {
    condition     = length(output.private_subnet_ids) == 0 && length(aws_subnet.public) == 2 && length(aws_subnet.data) == 2
    error_message = "There must be public and data subnets in two zones, and no private ones."
  }
}

run "zones_are_taken_in_order_and_a_third_moves_no_subnet" {
  command = plan

  variables {
    az_count = 3
    private  = true
  }

  assert {
    condition     = [for zone in ["a", "b", "c"] : aws_subnet.public["eu-central-1${zone}"].cidr_block] == ["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"]
    error_message = "Public subnets must begin at the range's first block, in the order of the zones."
  }

  assert {
    condition     = aws_subnet.private["eu-central-1a"].cidr_block == "10.0.64.0/20" && aws_subnet.data["eu-central-1a"].cidr_block == "10.0.128.0/20"
    error_message = "Private subnets must begin at the fifth block and data subnets at the ninth."
  }
}

run "zones_that_cannot_hold_every_target_are_left_out" {
  command = plan

  assert {
    condition     = data.aws_availability_zones.open.exclude_zone_ids == toset(["apne1-az3", "use1-az3", "usw1-az2"])
    error_message = "Those without Fargate or t3 hosts must be left out."
  }
}

run "a_region_has_enough_zones_or_says_so" {
  command = plan
  variables {
    az_count = 3
  }

  override_data {
    target = data.aws_availability_zones.open
    values = { names = ["us-west-1a", "us-west-1c"] }
  }
  expect_failures = [data.aws_availability_zones.open]
}

run "a_zone_is_named_by_its_id" {
  command = plan
  variables {
    exclude_zone_ids = ["us-east-1e"]
  }
  expect_failures = [var.exclude_zone_ids]
}

run "private_subnets_without_nat_reach_the_gateway_endpoints_alone" {
  command = plan

  variables {
    private = true
    nat     = "none"
  }

  assert {
    condition     = length(aws_route.nat) == 0 && toset(keys(aws_vpc_endpoint.gateway)) == toset(["dynamodb", "s3"])
    error_message = "Without NAT there must be gateway endpoints and no default route."
  }
}

run "a_single_nat_gateway_serves_every_zone" {
  command = apply

  variables {
    private = true
    nat     = "single"
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a"] && length(aws_route.nat) == 2
    error_message = "One gateway must serve both zones."
  }

  assert {
    condition     = alltrue([for route in aws_route.nat : route.nat_gateway_id == aws_nat_gateway.this["eu-central-1a"].id])
    error_message = "Every private route must lead to the only gateway."
  }
}

run "each_zone_can_have_a_nat_gateway_of_its_own" {
  command = apply

  variables {
    private = true
    nat     = "per_az"
  }

  assert {
    condition     = alltrue([for zone, route in aws_route.nat : route.nat_gateway_id == aws_nat_gateway.this[zone].id]) && length(aws_route.nat) == 2
    error_message = "The route of a zone must lead to the gateway of that zone."
  }
}

run "interface_endpoints_are_reached_from_the_vpc_alone" {
  command = plan

  variables {
    private             = true
    interface_endpoints = { sqs = {}, "ecr.api" = { private_dns = false } }
  }

  assert {
    condition     = aws_vpc_endpoint.interface["sqs"].service_name == "com.amazonaws.eu-central-1.sqs" && !aws_vpc_endpoint.interface["ecr.api"].private_dns_enabled
    error_message = "Endpoints must be named after their service, with the settings of their entry."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints[0].cidr_ipv4 == var.cidr && aws_vpc_security_group_ingress_rule.endpoints[0].from_port == 443
    error_message = "Only HTTPS from the VPC may reach an endpoint."
  }
}

run "flow_logs_are_kept_for_14_days" {
  command = apply

  variables {
    flow_logs = true
  }

  # Generated names are no ARNs, which the provider checks.
  override_resource {
    target = aws_cloudwatch_log_group.flow
    values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/vpc/contact-manager-test" }
  }
  override_resource {
    target = aws_iam_role.flow
    values = { arn = "arn:aws:iam::123456789012:role/contact-manager-test-flow-logs" }
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow[0].retention_in_days == 14 && aws_flow_log.this[0].traffic_type == "ALL"
    error_message = "All traffic must be logged and kept for 14 days."
  }
}

run "without_flow_logs_there_is_no_role_for_them" {
  command = plan

  assert {
    condition     = length(aws_flow_log.this) + length(aws_iam_role.flow) + length(aws_cloudwatch_log_group.flow) == 0
    error_message = "Nothing of the flow logs may be left when they are off."
  }
}

run "the_default_security_group_allows_nothing" {
  command = apply

  assert {
    condition     = length(aws_default_security_group.closed.ingress) + length(aws_default_security_group.closed.egress) == 0
    error_message = "The default security group must have no rules."
  }
}

run "a_name_must_be_fit_for_aws" {
  command = plan
  variables {
    name = "Contacts!"
  }
  expect_failures = [var.name]
}

run "a_range_must_be_large_enough" {
  command = plan
  variables {
    cidr = "10.0.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "a_range_must_be_a_range" {
  command = plan
  variables {
    cidr = "10.0.0.0"
  }
  expect_failures = [var.cidr]
}

run "one_zone_is_too_few" {
  command = plan
  variables {
    az_count = 1
  }
  expect_failures = [var.az_count]
}

run "nat_is_one_of_three_words" {
  command = plan
  variables {
    nat = "two"
  }
  expect_failures = [var.nat]
}

run "an_endpoint_is_named_by_its_last_part" {
  command = plan
  variables {
    interface_endpoints = { "com.amazonaws.eu-central-1.sqs" = {} }
  }
  expect_failures = [var.interface_endpoints]
}

run "s3_needs_no_interface_endpoint" {
  command = plan
  variables {
    interface_endpoints = { s3 = {} }
  }
  expect_failures = [var.interface_endpoints]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}

run "roles_are_bounded_when_asked_for" {
  command = plan
  variables {
    flow_logs            = true
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.flow[0].permissions_boundary == var.permissions_boundary
    error_message = "The role must have the boundary."
  }
}

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary = "boundary"
  }
  expect_failures = [var.permissions_boundary]
}
