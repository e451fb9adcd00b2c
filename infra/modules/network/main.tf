# One VPC. The load balancer lives in the public subnets, tasks in the private ones, the cache in the data
# subnets, which have no route out of the VPC.

data "aws_region" "current" {}

data "aws_availability_zones" "open" {
  #checkov:skip=CKV_AWS_394:az_count says how many are used, in the order of their names, which new ones come after
  exclude_zone_ids = var.exclude_zone_ids

  # Whatever their state: subnets stay where they are while a zone is lost. Local and Wavelength zones have to be opted into, and no load balancer of ours belongs there.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  lifecycle {
    postcondition {
      condition     = length(self.names) >= var.az_count
      error_message = "${data.aws_region.current.name} has ${length(self.names)} zones for this account without those in exclude_zone_ids, and az_count is ${var.az_count}: lower az_count, take a zone out of exclude_zone_ids if nothing there needs what it lacks, or use another region."
    }
  }
}

locals {
  zones = slice(sort(data.aws_availability_zones.open.names), 0, var.az_count)

  # A sixteenth of the range each, four to a kind: a third zone moves no subnet.
  blocks = { for tier, first in { public = 0, private = 4, data = 8 } : tier => {
    for index, zone in local.zones : zone => cidrsubnet(var.cidr, 4, first + index)
  } }

  private_zones = var.private ? local.zones : []
  nat_zones     = { none = [], single = slice(local.zones, 0, 1), per_az = local.zones }[var.private ? var.nat : "none"]
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:flow logs are an option (flow_logs), because they cost by the gigabyte
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Adopted and emptied, so that whatever names no security group can talk to nobody.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-closed" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

# Public: what answers the internet.

resource "aws_subnet" "public" {
  for_each = local.blocks.public

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

# Data: no way out, and none in but from the VPC.

resource "aws_subnet" "data" {
  for_each = local.blocks.data

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-data-${each.key}" }
}

resource "aws_route_table" "data" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-data" }
}

resource "aws_route_table_association" "data" {
  for_each = aws_subnet.data

  subnet_id      = each.value.id
  route_table_id = aws_route_table.data.id
}
