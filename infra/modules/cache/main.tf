# A cache that loses everything is a cache that is empty for a moment: nothing here is backed up.

locals {
  # ElastiCache's names have 40 characters; a user's name must be its ID where it logs in through IAM.
  user = "${var.name}-app"
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_elasticache_user" "app" {
  user_id   = local.user
  user_name = local.user
  engine    = "valkey"

  # The commands of shared/cache, those of its script among them. PING is how it tries a connection, SELECT
  # comes from the client library.
  access_string = "on ~* resetchannels -@all +ping +select +get +set +time +eval"

  authentication_mode {
    type = "iam"
  }
}

# Valkey, unlike Redis OSS, wants no user named "default" in the group: nobody gets in without a name.
resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.app.user_id]
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV2_AWS_50:It is on wherever there are two nodes, which is the default.
  replication_group_id = var.name
  description          = "Look-ups and rate limits of ${var.name}"

  engine               = "valkey"
  engine_version       = var.engine_version
  parameter_group_name = "default.valkey8"
  node_type            = var.node_type
  port                 = 6379

  # One shard, so that cluster mode is off: the limiter's script and its clients know of no slots.
  num_cache_clusters         = var.nodes
  automatic_failover_enabled = var.nodes > 1
  multi_az_enabled           = var.nodes > 1

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = var.key_arn
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.this.id]

  snapshot_retention_limit = 0
  # A version is raised here. Were AWS to raise it, the next plan would go back to this one, by a new cache.
  auto_minor_version_upgrade = false
  # A change that waits for the maintenance window is one that nobody expects any more.
  apply_immediately = true
}

# No rule leads out: a cache answers and never calls.
resource "aws_security_group" "this" {
  name        = "${var.name}-cache"
  description = "The cache of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = each.value
  description                  = "Valkey from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}
