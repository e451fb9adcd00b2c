# What is watched, what there is to see of it, and who is told. All of it follows the sides that exist.

locals {
  # As CloudWatch names them: by the ends of their ARNs.
  load_balancer = split(":loadbalancer/", module.edge.alb_arn)[1]
  target_groups = { for target, arn in module.edge.target_group_arns.api : target => element(split(":", arn), 5) }
  queues        = { jobs = module.queue.queue_name, dead_letters = module.queue.dead_letter_queue_name }
}

module "alerts" {
  source = "../alerts"

  name          = local.name
  environment   = var.environment
  key_arn       = local.key_arn
  emails        = var.alerts.emails
  runbooks_url  = var.alerts.runbooks_url
  dashboard_url = module.dashboards.url
  pace          = var.alerts.pace
  live          = local.traffic.live
  workspace     = { id = module.config.workspace_id, arn = module.config.workspace_arn }
  load_balancer = local.load_balancer
  target_groups = local.target_groups
  queues        = local.queues
  cache         = var.cache != null
  certificate   = var.domain == null ? null : { arn = module.edge.certificate_arn }

  sides = merge(
    { for side in setintersection(local.sides, ["lambda"]) : side => {} },
    { for side in local.container_sides : side => {
      wanted         = { api = var.containers.api.min, worker = var.containers.worker.min }
      collector_logs = { for service in ["api", "worker"] : service => local.log_groups[side]["${service}-collector"].name }
    } },
  )
}
