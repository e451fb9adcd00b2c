# As prod, so that what passes here passes there; smaller, and it may be destroyed.

module "stack" {
  source = "../../modules/stack"

  environment  = "staging"
  target       = var.target
  zips         = var.zips
  image        = var.image
  registry     = var.registry
  architecture = var.architecture
  domain       = var.domain
  site_domain  = var.site_domain
  settings     = var.settings
  vaults       = var.vaults
  rotation     = var.rotation
  alerts       = var.alerts
  tracing      = var.tracing
  audit        = { budget = var.budget, customer_managed_key = true }

  permissions_boundary = var.permissions_boundary

  network    = { nat = "single" }
  edge       = { waf = { managed_rules = "block" } }
  containers = { api = { min = 2, max = 4 }, worker = { min = 1, max = 2 } }
  fargate    = { spot_percent = 80 }
  ec2        = { instance_types = var.instance_types }
  cache      = { nodes = 1 }
}
