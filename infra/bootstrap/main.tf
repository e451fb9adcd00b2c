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
  branch           = var.github.branch
  environments     = var.github.environments
  provider_arn     = var.github.provider_arn
  state_bucket_arn = module.bootstrap.bucket_arn
}
