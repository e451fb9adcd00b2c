data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

# Attribute for attribute what shared/store/src/client.rs makes where Terraform does not.
resource "aws_dynamodb_table" "contacts" {
  #checkov:skip=CKV_AWS_28:Whoever calls the module decides; it is off in dev alone.
  #checkov:skip=CKV_AWS_119:Encrypted in any case: without key_arn by a key that AWS owns and that costs nothing.
  name                        = coalesce(var.table_name, "${var.name}-contacts")
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  # A replica is fed by the table's stream.
  stream_enabled   = length(var.replicas) > 0
  stream_view_type = length(var.replicas) > 0 ? "NEW_AND_OLD_IMAGES" : null

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  # "Not enabled" is DynamoDB's word for a key that AWS owns.
  server_side_encryption {
    enabled     = var.key_arn != null
    kms_key_arn = var.key_arn
  }

  dynamic "on_demand_throughput" {
    for_each = var.max_read_units == null && var.max_write_units == null ? [] : [true]

    content {
      # -1 is DynamoDB's word for no maximum.
      max_read_request_units  = coalesce(var.max_read_units, -1)
      max_write_request_units = coalesce(var.max_write_units, -1)
    }
  }

  dynamic "replica" {
    for_each = var.replicas

    content {
      region_name            = replica.value
      kms_key_arn            = lookup(var.replica_key_arns, replica.value, null)
      point_in_time_recovery = var.point_in_time_recovery
      propagate_tags         = true
    }
  }
}
