# Made once per account, before any environment: where their states are, and who may change them. Its own state is a
# file beside it, because there is no bucket before it.

module "bootstrap" {
  source = "../modules/bootstrap"

  name          = var.name
  force_destroy = var.force_destroy
}

# One for all environments: what was tried in staging is what prod runs.
module "registry" {
  source = "../modules/registry"

  name         = var.name
  force_delete = var.force_destroy
}

module "ci" {
  source = "../modules/ci"
  count  = var.github == null ? 0 : 1

  name             = var.name
  repository       = var.github.repository
  repository_ids   = var.github.ids
  branch           = var.github.branch
  environments     = var.github.environments
  provider_arn     = var.github.provider_arn
  state_bucket_arn = module.bootstrap.bucket_arn
}

# Full management by AWS Backup, without which copies of tables never go to cold storage. One setting for the account
# and the region, shared with whoever else backs up tables there.
resource "aws_backup_region_settings" "tables" {
  count = var.advanced_table_backups ? 1 : 0

  resource_type_opt_in_preference     = { DynamoDB = true }
  resource_type_management_preference = { DynamoDB = true }

  lifecycle {
    # Both come back with every kind of resource that AWS Backup knows, and those are not ours to set.
    ignore_changes = [resource_type_opt_in_preference, resource_type_management_preference]
  }
}
