# What there is to see, and the queries over what was logged.

module "dashboards" {
  source = "../dashboards"

  name          = local.name
  sides         = toset(local.sides)
  load_balancer = split(":loadbalancer/", module.edge.alb_arn)[1]
  target_groups = { for target, arn in module.edge.target_group_arns.api : target => element(split(":", arn), 5) }
  table_name    = module.data.table_name
  queues        = { jobs = module.queue.queue_name, dead_letters = module.queue.dead_letter_queue_name }
  alerts_topic  = element(split(":", module.alerts.topic_arn), 5)

  # The programs' alone: collectors and hosts write other lines.
  log_groups = flatten([for groups in local.log_groups : [for program in ["api", "worker"] : groups[program].name]])
}
