# Nothing here goes away by itself: a zone may fail, and a destroy has to be meant.

module "stack" {
  source = "../../modules/stack"

  environment  = "prod"
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
  audit        = { budget = var.budget, customer_managed_key = true, trail = true }

  permissions_boundary = var.permissions_boundary
  deletion_protection  = true

  network    = { az_count = 3, nat = "per_az", flow_logs = true }
  edge       = { waf = { managed_rules = "count" } }
  containers = { api = { min = 3, max = 12 }, worker = { min = 2, max = 6 } }
  fargate    = { spot_percent = 50, on_demand_base = 2 }
  ec2        = { instance_types = var.instance_types, on_demand_base = 2, spot_percent = 80 }
  data       = { backup = {} }
  cache      = { nodes = 2 }
}
