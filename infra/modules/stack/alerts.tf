# Who is told of what. What is watched follows the sides that exist.

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
  load_balancer = split(":loadbalancer/", module.edge.alb_arn)[1]
  target_groups = { for target, arn in module.edge.target_group_arns.api : target => element(split(":", arn), 5) }
  queues        = { jobs = module.queue.queue_name, dead_letters = module.queue.dead_letter_queue_name }
  cache         = var.cache != null
  certificate   = var.domain == null ? null : { arn = module.edge.certificate_arn }

  sides = { for side in local.sides : side => side == "lambda" ? {
    wanted         = { api = 0, worker = 0 }
    collector_logs = {}
    } : {
    wanted         = { api = var.containers.api.min, worker = var.containers.worker.min }
    collector_logs = { for service in ["api", "worker"] : service => local.log_groups[side]["${service}-collector"].name }
  } }
}
