# To try things in: small, cheap while idle, and gone with one destroy.

module "stack" {
  source = "../../modules/stack"

  environment  = "dev"
  target       = var.target
  zips         = var.zips
  image        = var.image
  registry     = var.registry
  architecture = var.architecture
  domain       = var.domain
  settings     = var.settings
  vaults       = var.vaults
  rotation     = var.rotation
  alerts       = var.alerts
  tracing      = var.tracing
  audit        = { budget = var.budget }

  permissions_boundary = var.permissions_boundary

  containers = { api = { min = 1, max = 4 }, worker = { min = 1, max = 2 }, container_insights = "disabled" }
  fargate    = { spot_percent = 100, on_demand_base = 0 }
  ec2        = { instance_types = var.instance_types, on_demand_base = 0, spot_percent = 100 }
  data       = { max_read_units = 1000, max_write_units = 1000 }
}
