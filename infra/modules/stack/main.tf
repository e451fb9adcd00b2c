# One environment: what it keeps, who may use it, and its way in. traffic.tf decides on which target it
# runs, targets.tf runs it there.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name    = "${var.name}-${var.environment}"
  key_arn = module.audit.key_arn
}

module "audit" {
  source = "../audit"

  name                 = local.name
  customer_managed_key = var.audit.customer_managed_key
  trail                = var.audit.trail
  budget               = var.audit.budget
  force_destroy        = !var.deletion_protection
}

module "data" {
  source = "../data"

  name                   = local.name
  key_arn                = local.key_arn
  permissions_boundary   = var.permissions_boundary
  table_name             = var.data.table_name
  deletion_protection    = var.deletion_protection
  force_destroy          = !var.deletion_protection
  point_in_time_recovery = var.data.point_in_time_recovery
  max_read_units         = var.data.max_read_units
  max_write_units        = var.data.max_write_units
  replicas               = var.data.replicas
  replica_key_arns       = var.data.replica_key_arns
  backup                 = var.data.backup
}

module "queue" {
  source = "../queue"

  name           = local.name
  key_arn        = local.key_arn
  worker_timeout = var.lambda.worker.timeout
}

module "events" {
  source = "../events"

  name                 = local.name
  key_arn              = local.key_arn
  queue_arn            = module.queue.queue_arn
  permissions_boundary = var.permissions_boundary
}

module "permissions" {
  source = "../permissions"

  table_arn             = module.data.table_arn
  queue_arn             = module.queue.queue_arn
  dead_letter_queue_arn = module.queue.dead_letter_queue_arn
  topic_arn             = module.events.topic_arn
  bucket_arn            = module.data.bucket_arn
  key_arns              = local.key_arn == null ? [] : [local.key_arn]
  cache = var.cache == null ? null : {
    replication_group_arn = module.cache[0].replication_group_arn
    user_arn              = module.cache[0].user_arn
  }
}

module "config" {
  source = "../config"

  name    = local.name
  key_arn = local.key_arn
  region  = data.aws_region.current.name
  tracing = var.tracing != null
  pace    = var.alerts.pace
}

module "secrets" {
  source = "../secrets"

  name     = local.name
  key_arn  = local.key_arn
  services = { for service, keys in var.vaults : service => { keys = keys } }

  # The execution roles of a service, on whichever kind of capacity.
  readers = { for service in keys(var.vaults) : service =>
    "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${local.name}-*-${service}-execution"
  }
  rotation             = var.rotation
  recovery_window_days = var.deletion_protection ? 30 : 0
}

module "network" {
  source = "../network"

  name                 = local.name
  cidr                 = var.network.cidr
  az_count             = var.network.az_count
  exclude_zone_ids     = var.network.exclude_zone_ids
  private              = local.needs_private_subnets
  nat                  = var.network.nat
  interface_endpoints  = var.network.interface_endpoints
  flow_logs            = var.network.flow_logs
  key_arn              = local.key_arn
  permissions_boundary = var.permissions_boundary
}

module "edge" {
  source = "../edge"

  name                = local.name
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.public_subnet_ids
  ingress_cidrs       = var.edge.ingress_cidrs
  domain              = var.domain
  waf                 = var.edge.waf
  access_logs         = var.edge.access_logs
  deletion_protection = var.deletion_protection
  key_arn             = local.key_arn
  weights             = local.traffic.weights

  services = {
    api = {
      path_patterns  = ["/v1/*", "/health", "/ready", "/openapi.json", "/docs"]
      priority       = 1000
      port           = local.port
      lambda_timeout = var.lambda.api.timeout
    }
  }
}

module "site" {
  source = "../site"
  count  = var.site_domain == null ? 0 : 1

  name            = local.name
  api_domain_name = var.domain.name
  origin_header   = module.edge.site_header
  viewer_header   = module.edge.viewer_header
  domain          = var.site_domain
  force_destroy   = !var.deletion_protection
}

module "cache" {
  source = "../cache"
  count  = var.cache == null ? 0 : 1

  name       = local.name
  key_arn    = local.key_arn
  vpc_id     = module.network.vpc_id
  subnet_ids = module.network.data_subnet_ids
  node_type  = var.cache.node_type
  nodes      = var.cache.nodes

  client_security_group_ids = { clients = aws_security_group.cache_clients[0].id }
}

# Worn by functions and tasks alike. The cache lets it in; here it is let out to the cache, and to HTTPS,
# because functions in a VPC wear nothing else.
resource "aws_security_group" "cache_clients" {
  #checkov:skip=CKV2_AWS_5:functions and tasks wear it, in other modules
  count = var.cache == null ? 0 : 1

  name        = "${local.name}-cache-clients"
  description = "Whoever uses the cache of ${local.name}"
  vpc_id      = module.network.vpc_id

  tags = { Name = "${local.name}-cache-clients" }
}

resource "aws_vpc_security_group_egress_rule" "cache" {
  count = length(aws_security_group.cache_clients)

  security_group_id            = aws_security_group.cache_clients[0].id
  referenced_security_group_id = module.cache[0].security_group_id
  description                  = "The cache"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

# AWS's services, and an OpenID provider, have names and no fixed addresses.
resource "aws_vpc_security_group_egress_rule" "https" {
  count = length(aws_security_group.cache_clients)

  security_group_id = aws_security_group.cache_clients[0].id
  description       = "HTTPS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}
